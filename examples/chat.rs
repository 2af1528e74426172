//! A chat for any number of users, who type lines on stdin.
//!
//! Run `cargo run --example server`, then `cargo run --example chat -- NAME [URL]` in as many terminals as
//! you like. A line that ends in `!` must be confirmed: the server calls back, and you answer with `y` or
//! `n`.

#[allow(dead_code, unreachable_pub)] // each process uses its part of it
mod api;

use std::error::Error;

use api::{ChatClient, User, UserServer};
use birpc::{Client, ErrorObject, Router};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Receives the answer to a question.
type Question = oneshot::Sender<bool>;

struct Me {
    questions: mpsc::UnboundedSender<Question>,
}

impl User for Me {
    async fn said(&self, from: String, line: String) {
        println!("{from}: {line}");
    }

    async fn confirm(&self, question: String) -> Result<bool, ErrorObject> {
        let (answer, answered) = oneshot::channel();
        // Sent before the question is printed, so that no answer comes too early. After the end of stdin
        // there are no answers, which means no.
        let asked = self.questions.send(answer);
        println!("{question} [y/n]");
        Ok(asked.is_ok() && answered.await.unwrap_or(false))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("usage: chat NAME [URL]")?;
    let url = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:9944/".into());
    let (questions, asked) = mpsc::unbounded_channel();
    let router = Router::new().service(UserServer::new(Me { questions }));
    let client = Client::builder().serve(router).connect(&url).await?;
    let chat: ChatClient = client.stub();
    println!("here already: {:?}", chat.join(name).await?);
    tokio::select! {
        () = talk(chat, asked) => {}
        reason = client.closed() => println!("{reason}"),
    }
    client.close(1000, "bye")?;
    client.closed().await;
    Ok(())
}

/// Posts lines from stdin until it ends, and uses lines as answers to questions.
async fn talk(chat: ChatClient, mut asked: mpsc::UnboundedReceiver<Question>) {
    let mut lines = lines();
    let mut posts = JoinSet::new();
    while let Some(line) = lines.recv().await {
        if let Ok(question) = asked.try_recv() {
            let _ = question.send(line.starts_with('y')); // the asker may be gone
            continue;
        }
        let post = chat.post(line);
        posts.spawn(async move {
            if let Err(error) = post.await {
                println!("not posted: {error}");
            }
        });
    }
    drop(asked);
    posts.join_all().await;
}

/// The lines of stdin, read by a thread that does not keep the process alive after the connection has ended.
fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        let typed = std::io::stdin().lines().map_while(Result::ok);
        typed.map(|line| sender.blocking_send(line)).all(|sent| sent.is_ok())
    });
    lines
}
