use std::sync::Arc;

use birpc::{CallError, Client, ErrorObject, Router};
use chat::{ChatClient, User, UserServer};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};
use tokio::sync::Mutex;

type Input = Arc<Mutex<Lines<BufReader<Stdin>>>>;

/// The methods that the server may call.
struct Screen {
    input: Input,
}

impl User for Screen {
    async fn said(&self, name: String, line: String) {
        println!("{name}: {line}");
    }

    async fn confirm(&self, question: String) -> Result<bool, ErrorObject> {
        println!("{question} [y/n]");
        let line = self.input.lock().await.next_line().await;
        Ok(matches!(line, Ok(Some(line)) if line == "y"))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).ok_or("usage: client NAME")?;
    let input = Arc::new(Mutex::new(BufReader::new(tokio::io::stdin()).lines()));
    let client = Client::builder()
        .serve(Router::new().service(UserServer::new(Screen { input: input.clone() })))
        .connect("ws://127.0.0.1:9944/")
        .await?;

    let chat: ChatClient = client.stub();
    println!("here: {}", chat.join(name).await?.join(", "));
    loop {
        let Some(line) = input.lock().await.next_line().await? else { break };
        let outcome = match &*line {
            "/clear" => chat.clear().await.map(|lines| format!("{lines} lines deleted")),
            _ => chat.post(line).await.map(|number| format!("line {number}")),
        };
        match outcome {
            Ok(text) => println!("({text})"),
            Err(CallError::Method(error)) => println!("(refused: {error})"),
            Err(error) => return Err(error.into()), // such as: the connection has ended
        }
    }
    client.close(1000, "bye")?.await;
    Ok(())
}
