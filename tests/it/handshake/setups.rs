//! The servers and clients that the tables name.

use std::time::Duration;

use birpc::{
    Client, ClientBuilder, Context, ErrorObject, Grant, Handshake, Origins, Refusal, Router, Server,
    ServerBuilder,
};

use crate::support::NoParams;

/// The facts that `authorize` saw.
#[derive(Clone, Default)]
struct Seen {
    token: Option<String>,
    offered: Vec<String>,
}

/// A server by name. `address` is the address on which it listens.
pub(crate) fn server(name: &str, address: &str) -> ServerBuilder {
    let server = Server::builder();
    match name {
        "" => server,
        "path" => server.path("/rpc"),
        "any host" => server.hosts_any(),
        "any origin" => server.origins(Origins::Any),
        "listed origin" => server.origins(Origins::Listed(vec!["https://app.example".into()])),
        "hosts" => server.hosts([address, "localhost:9944"]),
        "behind TLS" => server.hosts_any().behind_tls(),
        "health" => server.path("/rpc").health("healthz"),
        "health everywhere" => server.health("/"),
        "health, full" => server.health("/healthz").limits(|limits| limits.max_connections = 0),
        "health, stopped" => {
            server.handle().stop();
            server.health("/healthz")
        }
        "chat" => server.subprotocols(["chat"]).origins(Origins::Any).hosts_any(),
        "lenient" => server.lenient_subprotocols(true),
        "no subprotocols" => server.subprotocols([""; 0]),
        "full" => server.limits(|limits| limits.max_connections = 0),
        "large header" => server.limits(|limits| limits.max_header_bytes = largest_header(name)),
        "stopped" => {
            server.handle().stop();
            server
        }
        "token" => server.authorize(|handshake| async move { by_token(&handshake) }),
        "cookie" => server.authorize(|handshake| async move {
            match handshake.cookie("session") {
                Some("42") => Ok(Grant::new()),
                _ => Err(Refusal::unauthorized("log in first")),
            }
        }),
        "status" => server.authorize(|handshake| async move {
            let status = handshake.headers().get("x-status").and_then(|value| value.to_str().ok());
            Err(Refusal::new(status.and_then(|status| status.parse().ok()).unwrap_or(0), "as you wish"))
        }),
        "challenge" => server.authorize(|_| async {
            Err(Refusal::unauthorized("log in")
                .header("www-authenticate", "Basic realm=\"rpc\"")
                .header("set-cookie", "a=1")
                .header("connection", "keep-alive")
                .header("content-length", "0")
                .header("bad name", "x")
                .header("x-bad", "a\nb"))
        }),
        "busy" => server.authorize(|_| async { Err(Refusal::new(429, "wait").header("retry-after", "60")) }),
        "elsewhere" => server.authorize(|_| async { Err(Refusal::redirect("wss://other.example/rpc")) }),
        "query" => server.authorize(|handshake| async move {
            // The application reads the request's extensions.
            match handshake.uri().query() {
                Some("key=1") => Ok(Grant::new()),
                _ => Err(Refusal::forbidden("no key")),
            }
        }),
        other => panic!("no server is called `{other}`"),
    }
}

/// The size of a header that the server accepts; 16 KiB by default.
pub(crate) fn largest_header(name: &str) -> usize {
    if name == "large header" { 64 << 10 } else { 16 << 10 }
}

fn by_token(handshake: &Handshake) -> Result<Grant, Refusal> {
    let token = handshake.bearer().map(str::to_owned);
    match token.as_deref() {
        Some("sesame") => {
            Ok(Grant::new().with(Seen { token, offered: handshake.offered_subprotocols().to_vec() }))
        }
        Some(_) => Err(Refusal::forbidden("this token opens nothing")),
        None => Err(Refusal::unauthorized("a token is needed")),
    }
}

/// The methods of every server.
pub(crate) fn router() -> Router {
    let seen = |cx: &Context| cx.get::<Seen>().map(|seen| Seen::clone(&seen)).unwrap_or_default();
    Router::new()
        .method("ping", |_, _: NoParams| async { Ok::<_, ErrorObject>("pong") })
        .method("token", move |cx: Context, _: NoParams| async move { Ok::<_, ErrorObject>(seen(&cx).token) })
        .method(
            "offered",
            move |cx: Context, _: NoParams| async move { Ok::<_, ErrorObject>(seen(&cx).offered) },
        )
        .method("protocol", |cx: Context, _: NoParams| async move {
            Ok::<_, ErrorObject>(cx.peer().subprotocol().map(str::to_owned))
        })
        .method("origin", |cx: Context, _: NoParams| async move {
            Ok::<_, ErrorObject>(cx.peer().origin().map(str::to_owned))
        })
}

/// A client by its name.
pub(crate) fn client(name: &str) -> ClientBuilder {
    let client = Client::builder();
    match name {
        "" => client,
        "offers none" => client.subprotocols([""; 0]),
        "offers chat" => client.subprotocols(["chat"]),
        "insists" => client.insist_on_subprotocol(true),
        "with a token" => client.header("Authorization", "Bearer sesame"),
        // A server that never answers times out, however slow the machine is.
        "impatient" => client.limits(|limits| limits.handshake_timeout = Duration::from_millis(100)),
        other => panic!("no client is called `{other}`"),
    }
}
