//! Protocols that third-party peers speak: those of an Ethereum node, a language server, and a server of the
//! Model Context Protocol, with their clients, as far as `cargo xtask interop` needs them. `testbed --role
//! NAME` serves one of them in addition to its own methods. `foreign` calls the same traits on third-party
//! servers.

// Each example uses only a part.
#![allow(dead_code, unused_imports)]

mod eth;
mod lsp;
mod mcp;

use std::error::Error;

use birpc::{Dialect, Router, ServerBuilder};

pub(crate) use eth::{Eth, EthServer, Node};
pub(crate) use lsp::{
    Choice, Command, Diagnostics, Document, Documents, Hover, HoverParams, LanguageClient,
    LanguageClientClient, LanguageClientServer, LanguageServer, LanguageServerClient, LanguageServerServer,
    Markup, Opened, Position, ShowMessageRequest, WorkDone,
};
pub(crate) use mcp::{
    Agent, AgentClient, AgentServer, Content, Host, HostClient, HostServer, Implementation, Initialized,
    OwnProgress, PROTOCOL_VERSION, Roots, Step, Tool, ToolList, ToolResult, Tools,
};

/// A protocol, from the server's side.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    Eth,
    Lsp,
    Mcp,
}

impl Role {
    /// The role with this name.
    pub(crate) fn named(name: &str) -> Result<Self, Box<dyn Error>> {
        match name {
            "eth" => Ok(Self::Eth),
            "lsp" => Ok(Self::Lsp),
            "mcp" => Ok(Self::Mcp),
            other => Err(format!("there is no role `{other}`: eth, lsp and mcp are the known ones").into()),
        }
    }

    /// Sets the server's subprotocol and its cancel message.
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
