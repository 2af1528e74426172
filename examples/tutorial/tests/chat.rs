use std::sync::Arc;

use birpc::{CallError, Client, ErrorObject, Router, Server};
use chat::{ChatClient, ChatError, ChatServer, User, UserServer, room::Room};
use tokio::sync::mpsc;

/// A user who confirms everything, and passes on what is said.
struct Robot(mpsc::UnboundedSender<String>);

impl User for Robot {
    async fn said(&self, name: String, line: String) {
        let _ = self.0.send(format!("{name}: {line}"));
    }

    async fn confirm(&self, _question: String) -> Result<bool, ErrorObject> {
        Ok(true)
    }
}

#[tokio::test]
async fn lines_are_told_and_deleted() -> Result<(), Box<dyn std::error::Error>> {
    let builder = Server::builder();
    let room = Arc::new(Room::new(builder.handle().peers().clone()));
    let server = builder.bind("127.0.0.1:0").await?; // the system chooses a free port
    let url = format!("ws://{}/", server.local_addr()?);
    tokio::spawn(server.serve(Router::new().service(ChatServer::from_arc(room))));

    let (said, mut heard) = mpsc::unbounded_channel();
    let router = Router::new().service(UserServer::new(Robot(said)));
    let client = Client::builder().serve(router).connect(&url).await?;
    let chat: ChatClient = client.stub();

    assert_eq!(chat.post("too early".into()).await, Err(CallError::Method(ChatError::NotJoined)));
    assert_eq!(chat.join("Ada".into()).await?, ["Ada"]);
    assert_eq!(chat.post("hello".into()).await?, 1);
    assert_eq!(chat.clear().await?, 1);

    for expected in ["server: Ada joined", "Ada: hello", "server: Ada deleted all lines"] {
        assert_eq!(heard.recv().await.as_deref(), Some(expected));
    }
    Ok(())
}
