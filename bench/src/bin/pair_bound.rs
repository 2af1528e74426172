//! The bound: a client that only matches replies to calls, with [`birpc_bench::floor`] as its server; see
//! [`birpc_bench::pair::run`].

use std::error::Error;

use birpc_bench::floor;
use birpc_bench::pair::{self, Adds};
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde::Deserialize;
use slab::Slab;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

/// The maximum number of requests that wait for the connection's task.
const QUEUE: usize = 1024;

#[derive(Clone)]
struct Stub(mpsc::Sender<Call>);

/// A call of `add` that waits to be sent.
struct Call {
    params: (i64, i64),
    sum: oneshot::Sender<i64>,
}

impl Adds for Stub {
    async fn add(&self, a: i64, b: i64) -> i64 {
        let (sum, result) = oneshot::channel();
        self.0.send(Call { params: (a, b), sum }).await.expect("the connection is open");
        result.await.expect("the server answers")
    }
}

/// The only task of the client's connection.
struct Connection {
    socket: WebSocketStream<TcpStream>,
    calls: mpsc::Receiver<Call>,
    /// The waiting callers by id.
    waiting: Slab<oneshot::Sender<i64>>,
}

#[derive(Deserialize)]
struct Reply {
    id: usize,
    result: i64,
}

impl Connection {
    /// Handles everything that is ready on either side, and flushes once.
    ///
    /// Callers that got their replies together will make their next calls a moment later. The task lets them
    /// run first, so that these calls share a flush as well.
    async fn run(mut self) -> Result<(), tungstenite::Error> {
        loop {
            tokio::select! {
                call = self.calls.recv() => {
                    let Some(call) = call else { return Ok(()) };
                    self.send(call).await?;
                }
                message = self.socket.next() => {
                    let Some(message) = message else { return Ok(()) };
                    self.receive(&message?);
                }
            }
            if self.take_ready().await? > 0 {
                tokio::task::yield_now().await;
                self.take_ready().await?;
            }
            self.socket.flush().await?;
        }
    }

    /// Returns how many messages and calls were ready.
    async fn take_ready(&mut self) -> Result<usize, tungstenite::Error> {
        let mut taken = 0;
        while let Some(message) = self.socket.next().now_or_never().flatten() {
            self.receive(&message?);
            taken += 1;
        }
        while let Ok(call) = self.calls.try_recv() {
            self.send(call).await?;
            taken += 1;
        }
        Ok(taken)
    }

    async fn send(&mut self, Call { params: (a, b), sum }: Call) -> Result<(), tungstenite::Error> {
        let id = self.waiting.insert(sum);
        let request = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"add","params":[{a},{b}]}}"#);
        self.socket.feed(Message::text(request)).await
    }

    fn receive(&mut self, message: &Message) {
        if let Message::Text(reply) = message {
            let reply: Reply = serde_json::from_str(reply).expect("the floor replies to `add`");
            // The caller may be gone.
            let _ = self.waiting.remove(reply.id).send(reply.result);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    pair::run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(floor::serve(listener));

        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let url = format!("ws://{address}/");
        let (socket, _) =
            tokio_tungstenite::client_async_with_config(url, stream, Some(floor::websocket())).await?;
        let (stub, calls) = mpsc::channel(QUEUE);
        // However the task ends, its callers notice.
        tokio::spawn(Connection { socket, calls, waiting: Slab::new() }.run());
        Ok(Stub(stub))
    })
}
