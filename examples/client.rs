//! A client that joins the room of `server`, says a few things, answers the server's question, and leaves.
//!
//! `cargo run --example client -- [URL]`, ws://127.0.0.1:9944/ by default.

#[allow(dead_code, unreachable_pub)] // each process uses its part of it
mod api;

use std::error::Error;

use api::{ChatClient, ChatError, User, UserServer};
use birpc::{CallError, Client, ErrorObject, Router};

struct Me;

impl User for Me {
    async fn said(&self, from: String, line: String) {
        println!("client: {from} said: {line}");
    }

    async fn confirm(&self, question: String) -> Result<bool, ErrorObject> {
        println!("client: the server asks: {question}");
        Ok(true)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9944/".into());
    let client = Client::builder().serve(Router::new().service(UserServer::new(Me))).connect(&url).await?;
    let chat: ChatClient = client.stub();

    let name = format!("client-{}", std::process::id());
    match chat.post("too early".into()).await {
        Err(CallError::Method(ChatError::NotJoined)) => {
            println!("client: refused, as it should be: join first")
        }
        other => return Err(format!("expected to be refused, got {other:?}").into()),
    }
    println!("client: here already: {:?}", chat.join(name).await?);
    chat.typing().await?;
    println!("client: posted line {}", chat.post("hello".into()).await?);
    println!("client: posted line {}", chat.post("hello!".into()).await?);
    client.close(1000, "bye")?;
    println!("client: the connection was {}", client.closed().await);
    Ok(())
}
