//! A user in the terminal.

use std::error::Error;

use birpc::{Client, PresenceEvent, Router};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

use crate::{ChatClient, User, UserServer};

struct Screen;

impl User for Screen {
    async fn said(&self, name: String, line: String) {
        println!("{name}: {line}");
    }
}

/// Says the lines of stdin until it ends, and prints what others say.
pub(crate) async fn talk(url: &str, name: &str) -> Result<(), Box<dyn Error>> {
    let client = Client::builder().serve(Router::new().service(UserServer::new(Screen))).connect(url).await?;
    let chat: ChatClient = client.stub();
    let mut present = chat.enter(name.into()).await?;
    println!("nodes: {}", chat.nodes().await?.join(", "));
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => {
                let Some(line) = line? else { break };
                if !chat.say(line).await? {
                    println!("(the other nodes cannot be reached)");
                }
            }
            event = present.next() => match event {
                Some(event) => show(&event?),
                None => break,
            },
        }
    }
    client.close(1000, "bye")?;
    client.closed().await;
    Ok(())
}

fn show(event: &PresenceEvent) {
    match event {
        PresenceEvent::State(present) => {
            println!("here: {}", present.keys().cloned().collect::<Vec<_>>().join(", "));
        }
        PresenceEvent::Joined { key, metas } => {
            let node = metas.first().and_then(|meta| meta.get::<String>()).unwrap_or_default();
            println!("{key} comes, on node {node}");
        }
        PresenceEvent::Left { key, .. } => println!("{key} leaves"),
        _ => {}
    }
}
