//! The README and the pages of `docs/`, whose code blocks are compiled and run as doctests.

macro_rules! pages {
    ($($name:ident: $path:literal,)*) => {
        $(
            #[doc = include_str!(concat!("../", $path))]
            mod $name {}
        )*
    };
}

pages! {
    readme: "README.md",
    promises: "docs/promises.md",
    limits: "docs/limits.md",
    authentication: "docs/guides/authentication.md",
    batches: "docs/guides/batches.md",
    behind_a_proxy: "docs/guides/behind-a-proxy.md",
    broadcasting: "docs/guides/broadcasting.md",
    calling_back: "docs/guides/calling-back.md",
    cancellation: "docs/guides/cancellation.md",
    client: "docs/guides/client.md",
    closing: "docs/guides/closing.md",
    connection_values: "docs/guides/connection-values.md",
    deploying: "docs/guides/deploying.md",
    errors: "docs/guides/errors.md",
    ethereum: "docs/guides/ethereum.md",
    foreign_peers: "docs/guides/foreign-peers.md",
    groups: "docs/guides/groups.md",
    hooks: "docs/guides/hooks.md",
    inspecting: "docs/guides/inspecting.md",
    middleware: "docs/guides/middleware.md",
    observing: "docs/guides/observing.md",
    ordered_and_blocking: "docs/guides/ordered-and-blocking.md",
    progress: "docs/guides/progress.md",
    rate_limiting: "docs/guides/rate-limiting.md",
    reconnecting: "docs/guides/reconnecting.md",
    secure_tools: "docs/guides/secure-tools.md",
    server: "docs/guides/server.md",
    settings: "docs/guides/settings.md",
    shutdown: "docs/guides/shutdown.md",
    state_and_events: "docs/guides/state-and-events.md",
    streams: "docs/guides/streams.md",
    testing: "docs/guides/testing.md",
    untyped_calls: "docs/guides/untyped-calls.md",
    from_jsonrpsee: "docs/coming-from/jsonrpsee.md",
    from_tower_lsp: "docs/coming-from/tower-lsp.md",
    from_signalr: "docs/coming-from/signalr.md",
    from_socket_io: "docs/coming-from/socket-io.md",
}

#[cfg(feature = "axum")]
pages! {
    http_server: "docs/guides/http-server.md",
}

#[cfg(feature = "dyn")]
pages! {
    traits: "docs/guides/traits.md",
}

#[cfg(feature = "nats")]
pages! {
    many_nodes: "docs/guides/many-nodes.md",
}

#[cfg(feature = "schema")]
pages! {
    contracts: "docs/guides/contracts.md",
}

#[cfg(feature = "tls")]
pages! {
    tls: "docs/guides/tls.md",
}

#[cfg(feature = "tokio-tungstenite")]
pages! {
    own_sockets: "docs/guides/own-sockets.md",
}
