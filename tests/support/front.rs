//! A stand-in for a proxy in front of a server: it forwards connections, or answers them itself.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Record;

/// Forwards each connection to a server, until it is set to answer.
pub struct Front {
    pub address: SocketAddr,
    /// When each request arrived, and its head.
    pub requests: Record<(Instant, String)>,
    answer: Arc<Mutex<Option<String>>>,
    cut: watch::Sender<()>,
}

impl Front {
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (cut, cuts) = watch::channel(());
        let front = Self { address, requests: Record::default(), answer: Arc::default(), cut };
        let (requests, answer) = (front.requests.clone(), front.answer.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (requests, answer, mut cuts) = (requests.clone(), answer.clone(), cuts.clone());
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = cuts.changed() => {}
                        _ = serve(stream, server, requests, answer) => {}
                    }
                });
            }
        });
        front
    }

    /// A front without a server, which answers every request with `answer`.
    pub async fn answering(answer: &str) -> Self {
        let front = Self::before(([127, 0, 0, 1], 1).into()).await;
        front.answer(answer);
        front
    }

    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// Answers later requests with this text. The connection stays open until the client ends it.
    pub fn answer(&self, answer: &str) {
        *self.answer.lock().expect("nothing panics under the lock") = Some(answer.to_owned());
    }

    /// Forwards connections again.
    pub fn pass(&self) {
        *self.answer.lock().expect("nothing panics under the lock") = None;
    }

    /// Ends the open connections, without a close frame.
    pub fn cut(&self) {
        self.cut.send_replace(());
    }
}

async fn serve(
    mut near: TcpStream,
    server: SocketAddr,
    requests: Record<(Instant, String)>,
    answer: Arc<Mutex<Option<String>>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(near.read_u8().await?);
    }
    requests.push((Instant::now(), String::from_utf8_lossy(&head).into_owned()));
    let answer = answer.lock().expect("nothing panics under the lock").clone();
    if let Some(answer) = answer {
        near.write_all(answer.as_bytes()).await?;
        let mut rest = Vec::new();
        near.read_to_end(&mut rest).await?;
        return Ok(());
    }
    let mut far = TcpStream::connect(server).await?;
    far.write_all(&head).await?;
    copy_bidirectional(&mut near, &mut far).await?;
    Ok(())
}
