//! The interface between the chat's server and its clients, and the server's side of it.

use birpc::{Context, ErrorObject, RpcError, rpc};

/// The methods of the server, which a client calls.
#[rpc(namespace = "chat")]
pub trait Chat {
    /// Joins under a name, and returns the names of all who are there.
    async fn join(&self, cx: &Context, name: String) -> Result<Vec<String>, ChatError>;

    /// Sends a line to everybody. Returns its number.
    async fn post(&self, cx: &Context, line: String) -> Result<usize, ChatError>;

    /// Deletes all lines after the caller has confirmed it. Returns how many there were.
    async fn clear(&self, cx: &Context) -> Result<usize, ChatError>;
}

/// The methods of a client, which the server calls.
#[rpc(namespace = "user")]
pub trait User {
    /// Shows a line. A notification has no reply.
    #[rpc(notification)]
    async fn said(&self, name: String, line: String);

    /// Asks the person at the keyboard.
    async fn confirm(&self, question: String) -> Result<bool, ErrorObject>;
}

/// The errors of the server.
#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
pub enum ChatError {
    #[error("join first")]
    #[rpc(code = 1)]
    NotJoined,
    #[error("the name {name} is taken")]
    #[rpc(code = 2)]
    NameTaken { name: String },
    #[error("a line has at most {max} characters")]
    #[rpc(code = 3)]
    TooLong { max: usize },
    #[error("not confirmed")]
    #[rpc(code = 4)]
    NotConfirmed,
}

pub mod room;
