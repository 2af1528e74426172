//! A server and a client in one process that call each other over one connection.
//!
//! `cargo run --example quickstart`

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};

use birpc::{CallError, Client, Context, ErrorObject, Router, RpcError, Server, rpc};

/// The methods of the server.
#[rpc(namespace = "chat")]
trait Chat {
    /// Posts a line and returns its number.
    async fn post(&self, cx: &Context, line: String) -> Result<u64, ChatError>;
    /// Says that someone is typing. A notification has no reply.
    #[rpc(notification)]
    async fn typing(&self, name: String);
}

/// The methods of the client, which the server calls.
#[rpc(namespace = "user")]
trait User {
    async fn confirm(&self, question: String) -> Result<bool, ErrorObject>;
    #[rpc(notification)]
    async fn said(&self, line: String);
}

#[derive(Debug, thiserror::Error, RpcError)]
enum ChatError {
    #[error("at most {max} bytes a line")]
    #[rpc(code = 1)]
    TooLong { max: usize },
    #[error("the user did not confirm")]
    #[rpc(code = 2)]
    NotConfirmed,
}

#[derive(Default)]
struct Room {
    lines: AtomicU64,
}

impl Chat for Room {
    async fn post(&self, cx: &Context, line: String) -> Result<u64, ChatError> {
        if line.len() > 20 {
            return Err(ChatError::TooLong { max: 20 });
        }
        let caller: UserClient = cx.stub(); // calls the caller back, while it waits for us
        match caller.confirm(format!("post {line:?}?")).await {
            Ok(true) => {}
            answer => {
                println!("server: no confirmation: {answer:?}");
                return Err(ChatError::NotConfirmed);
            }
        }
        if let Err(error) = caller.said(line).await {
            println!("server: the caller is gone: {error}");
        }
        Ok(self.lines.fetch_add(1, Ordering::Relaxed) + 1)
    }

    async fn typing(&self, name: String) {
        println!("server: {name} is typing");
    }
}

struct Me;

impl User for Me {
    async fn confirm(&self, question: String) -> Result<bool, ErrorObject> {
        println!("client: the server asks: {question}");
        Ok(true)
    }

    async fn said(&self, line: String) {
        println!("client: the room heard {line:?}");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::bind("127.0.0.1:0").await?;
    let (url, handle) = (format!("ws://{}/", server.local_addr()?), server.handle());
    let serving = tokio::spawn(server.serve(Router::new().service(ChatServer::new(Room::default()))));

    let client = Client::builder().serve(Router::new().service(UserServer::new(Me))).connect(&url).await?;
    println!("client: connected to {url} as {:?}", client.peer().subprotocol());
    let chat: ChatClient = client.stub();

    chat.typing("Ada".into()).await?;
    println!("client: posted line {}", chat.post("hello".into()).await?);

    match chat.post("a line that is far too long".into()).await {
        // The error has its type again, with its fields.
        Err(CallError::Method(error @ ChatError::TooLong { max: 20 })) => {
            println!("client: refused: {error}")
        }
        other => return Err(format!("expected to be refused, got {other:?}").into()),
    }

    handle.stop();
    println!("client: the connection was {}", client.closed().await);
    serving.await??;
    Ok(())
}
