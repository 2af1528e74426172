//! What the processes of `server`, `client` and `chat` agree on.

pub mod room;

use birpc::{Context, ErrorObject, RpcError, rpc};

/// What the server offers.
#[rpc(namespace = "chat")]
pub trait Chat {
    /// Enters the room under a name; gives the names of those who are there.
    async fn join(&self, cx: &Context, name: String) -> Result<Vec<String>, ChatError>;
    /// Says a line to everyone and returns its number.
    async fn post(&self, cx: &Context, line: String) -> Result<u64, ChatError>;
    /// Tells that the caller is typing; no answer is sent.
    #[rpc(notification)]
    async fn typing(&self, cx: &Context);
}

/// What a client offers, and the server calls.
#[rpc(namespace = "user")]
pub trait User {
    /// Someone said something.
    #[rpc(notification)]
    async fn said(&self, from: String, line: String);
    /// Asks before a line that shouts is posted.
    async fn confirm(&self, question: String) -> Result<bool, ErrorObject>;
}

/// Why the server refuses.
#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
pub enum ChatError {
    #[error("join first")]
    #[rpc(code = 1)]
    NotJoined,
    #[error("the name `{name}` is taken")]
    #[rpc(code = 2)]
    NameTaken { name: String },
    #[error("at most {max} bytes a line")]
    #[rpc(code = 3)]
    TooLong { max: usize },
    #[error("not posted")]
    #[rpc(code = 4)]
    NotConfirmed,
}
