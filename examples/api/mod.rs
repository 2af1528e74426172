//! The interface between the processes of `server`, `client` and `chat`, and the page of `browser`.

pub mod room;

use birpc::{Context, ErrorObject, RpcError, rpc};

/// The methods of the server.
#[rpc(namespace = "chat", schema)]
pub trait Chat {
    /// Enters the room under a name. Returns the names of everyone who is there.
    async fn join(&self, cx: &Context, name: String) -> Result<Vec<String>, ChatError>;
    /// Says a line to everyone and returns its number.
    async fn post(&self, cx: &Context, line: String) -> Result<u64, ChatError>;
    /// Says that the caller is typing. A notification has no reply.
    #[rpc(notification)]
    async fn typing(&self, cx: &Context);
}

/// The methods of a client, which the server calls.
#[rpc(namespace = "user", schema)]
pub trait User {
    /// Someone said something.
    #[rpc(notification)]
    async fn said(&self, from: String, line: String);
    /// Asks before a line that shouts is posted.
    async fn confirm(&self, question: String) -> Result<bool, ErrorObject>;
    /// Who is in the room, when that has changed.
    #[rpc(notification)]
    async fn present(&self, names: Vec<String>) {
        drop(names); // not every user shows it
    }
    /// Someone is typing.
    #[rpc(notification)]
    async fn typing(&self, name: String) {
        drop(name);
    }
}

/// The errors of the server.
#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
#[rpc(schema)]
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
