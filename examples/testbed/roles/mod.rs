//! What foreign peers speak: an Ethereum node, a language server, a server of the Model Context Protocol, and
//! their clients, each as far as `cargo xtask interop` needs it. `testbed --role NAME` serves one of them
//! beside its own methods, and `foreign` calls the same traits on servers that no one here wrote.

// Each example uses its part.
#![allow(dead_code, unused_imports)]

mod eth;
mod lsp;
mod mcp;

use std::error::Error;

use birpc::{Dialect, Router, ServerBuilder};

pub(crate) use eth::{Eth, EthServer, Node, Subscriber, SubscriberClient};
pub(crate) use lsp::{
    Choice, Diagnostics, Document, Documents, Hover, HoverParams, LanguageClient, LanguageClientClient,
    LanguageClientServer, LanguageServer, LanguageServerClient, LanguageServerServer, Markup, Opened,
    Position, ShowMessageRequest,
};
pub(crate) use mcp::{
    Agent, AgentClient, AgentServer, Content, Host, HostClient, HostServer, Implementation, Initialized,
    PROTOCOL_VERSION, Progress, Roots, Tool, ToolList, ToolResult, Tools,
};

/// One of the protocols above, from the server's side.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    Eth,
    Lsp,
    Mcp,
}

impl Role {
    /// The role of that name.
    pub(crate) fn named(name: &str) -> Result<Self, Box<dyn Error>> {
        match name {
            "eth" => Ok(Self::Eth),
            "lsp" => Ok(Self::Lsp),
            "mcp" => Ok(Self::Mcp),
            other => Err(format!("there is no role `{other}`: eth, lsp and mcp are the known ones").into()),
        }
    }

    /// Sets what the protocol asks of a server: its subprotocol, and its word for cancel.
    pub(crate) fn configure(self, server: ServerBuilder) -> ServerBuilder {
        match self {
            Self::Eth => server,
            Self::Lsp => server.dialect(Dialect::lsp()),
            Self::Mcp => server.subprotocols(["mcp"]).dialect(Dialect::mcp()),
        }
    }

    /// Adds the protocol's methods.
    pub(crate) fn add_to(self, router: Router) -> Router {
        match self {
            Self::Eth => router.service(EthServer::new(Node::default())),
            Self::Lsp => router.service(LanguageServerServer::new(Documents)),
            Self::Mcp => router.service(AgentServer::new(Tools)),
        }
    }
}
