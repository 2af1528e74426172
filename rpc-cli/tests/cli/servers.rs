//! The servers that the command talks to: of birpc, and sockets that say whatever a test wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use birpc::{
    CallError, Context, ErrorObject, Limits, Peer, Progress, RawValue, RpcError, Server, ServerHandle,
    Streaming, rpc,
};
use futures_util::{SinkExt, StreamExt};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::support::HANGS;

/// The methods of the server.
#[rpc(schema)]
pub(crate) trait Service {
    /// The sum of two numbers.
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject>;
    /// Any value, as it came.
    async fn echo(&self, value: Box<RawValue>) -> Result<Box<RawValue>, ErrorObject>;
    /// The numbers below `n`.
    async fn count(&self, n: u64) -> Result<Streaming<u64>, ErrorObject>;
    /// All numbers.
    async fn endless(&self) -> Result<Streaming<u64>, ErrorObject>;
    /// `n` numbers, then an error.
    async fn fail_after(&self, n: u64) -> Result<Streaming<u64, Failed>, ErrorObject>;
    /// An error.
    async fn fail(&self) -> Result<(), Failed>;
    /// Reports two steps.
    async fn build(&self, progress: Progress<Step>) -> Result<String, ErrorObject>;
    /// Never answers.
    async fn never(&self) -> Result<(), ErrorObject>;
    /// Calls its caller, and returns how that has ended.
    async fn ask(
        &self,
        cx: &Context,
        method: String,
        params: Option<Box<RawValue>>,
    ) -> Result<Box<RawValue>, ErrorObject>;
    /// Notifies its caller `n` times.
    async fn tell(&self, cx: &Context, method: String, n: u64) -> Result<(), ErrorObject>;
    /// Closes the connection.
    async fn close(&self, cx: &Context, code: u16) -> Result<(), ErrorObject>;
}

#[derive(Debug, thiserror::Error, RpcError)]
#[rpc(schema)]
pub(crate) enum Failed {
    #[error("after {n}")]
    #[rpc(code = 7)]
    After { n: u64 },
}

#[derive(Serialize, serde::Deserialize, JsonSchema)]
pub(crate) struct Step {
    done: u64,
}

pub(crate) struct Implementation;

impl Service for Implementation {
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject> {
        Ok(a + b)
    }

    async fn echo(&self, value: Box<RawValue>) -> Result<Box<RawValue>, ErrorObject> {
        Ok(value)
    }

    async fn count(&self, n: u64) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::from_iter(0..n))
    }

    async fn endless(&self) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::from_iter(0..))
    }

    async fn fail_after(&self, n: u64) -> Result<Streaming<u64, Failed>, ErrorObject> {
        Ok(Streaming::produce(move |out| async move {
            for number in 0..n {
                out.send(number).await?;
            }
            Err(Failed::After { n })?
        }))
    }

    async fn fail(&self) -> Result<(), Failed> {
        Err(Failed::After { n: 0 })
    }

    async fn build(&self, progress: Progress<Step>) -> Result<String, ErrorObject> {
        progress.report(Step { done: 1 });
        tokio::task::yield_now().await;
        progress.report(Step { done: 2 });
        Ok("built".into())
    }

    async fn never(&self) -> Result<(), ErrorObject> {
        std::future::pending().await
    }

    async fn ask(
        &self,
        cx: &Context,
        method: String,
        params: Option<Box<RawValue>>,
    ) -> Result<Box<RawValue>, ErrorObject> {
        cx.peer().call(&method, params).await.map_err(CallError::relay)
    }

    async fn tell(&self, cx: &Context, method: String, n: u64) -> Result<(), ErrorObject> {
        for number in 0..n {
            cx.peer().notify(&method, [number]).await.map_err(CallError::relay)?;
        }
        Ok(())
    }

    async fn close(&self, cx: &Context, code: u16) -> Result<(), ErrorObject> {
        cx.peer().close(code, "as asked").map_err(|error| ErrorObject::new(2, error.to_string()))
    }
}

/// A server in this process. Dropping it ends it.
pub(crate) struct Serving {
    pub(crate) url: String,
    pub(crate) handle: ServerHandle,
    task: JoinHandle<()>,
}

impl Serving {
    pub(crate) async fn start() -> Self {
        Self::of(Server::builder(), ServiceServer::new(Implementation)).await
    }

    pub(crate) async fn of(builder: birpc::ServerBuilder, router: impl birpc::IntoRouter) -> Self {
        Self::bound(builder, |server| server.serve(router)).await
    }

    /// A server whose connections have a router each.
    pub(crate) async fn of_each(
        builder: birpc::ServerBuilder,
        make: impl Fn() -> birpc::Router + Send + Sync + 'static,
    ) -> Self {
        Self::bound(builder, |server| server.serve_with(move |_| make())).await
    }

    async fn bound(builder: birpc::ServerBuilder, serve: impl FnOnce(Server) -> birpc::Serving) -> Self {
        let server = builder.bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}/", server.local_addr().expect("it is bound"));
        let (handle, serving) = (server.handle(), serve(server));
        let task = tokio::spawn(async move { serving.await.expect("no duplicates") });
        Self { url, handle, task }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The end of a connection that says what a test wants.
pub(crate) struct Foreign(pub(crate) WebSocketStream<TcpStream>);

/// Listens, and passes the first connection to `play`, after a handshake without a subprotocol.
pub(crate) async fn foreign<F>(play: impl FnOnce(Foreign) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let socket = tokio_tungstenite::accept_async(stream).await.expect("a handshake");
        play(Foreign(socket)).await;
    });
    url
}

/// The same for a server that gets a request first.
pub(crate) async fn foreign_asked<F>(play: impl FnOnce(Foreign) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    foreign(|mut far| async move {
        far.text().await;
        play(far).await;
    })
    .await
}

/// Connects to a WebSocket server without a subprotocol.
pub(crate) async fn connect(url: &str) -> Foreign {
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    let stream = TcpStream::connect(address).await.expect("it listens");
    let (socket, _) = tokio_tungstenite::client_async(url, stream).await.expect("a handshake");
    Foreign(socket)
}

impl Foreign {
    pub(crate) async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("the peer is there");
    }

    /// The next text.
    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Some(Message::Text(text)) => text.as_str().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    /// Reads until the peer ends the connection.
    pub(crate) async fn stay(mut self) {
        while self.next().await.is_some() {}
    }

    /// The code of the peer's close frame; texts before it are dropped. `None` if there was none.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.next().await {
                Some(Message::Close(frame)) => return Some(frame.map_or(1005, |frame| frame.code.into())),
                Some(_) => {}
                None => return None,
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Option<Message> {
        tokio::time::timeout(HANGS, self.0.next()).await.expect("a message or the end comes")?.ok()
    }
}

/// The number of notifications of a flood: more than a pipe, the sockets and all queues hold.
pub(crate) const FLOOD: u32 = 200_000;

/// Begins to send numbered notifications `said` to a peer that does not read them all. Returns when
/// everything between is full.
pub(crate) async fn flood(peer: &Peer) -> JoinHandle<()> {
    let said = Arc::new(AtomicU32::new(0));
    let saying = tokio::spawn({
        let (peer, said) = (peer.clone(), said.clone());
        async move {
            for number in 0..FLOOD {
                // The peer may have ended.
                if peer.notify("said", (number, "x".repeat(100))).await.is_err() {
                    return;
                }
                said.store(number, Ordering::Relaxed);
            }
        }
    });
    // The queue is full, whose messages count for more than their bytes, and no room comes from one look to
    // the next.
    let (full, mut before) = (Limits::default().max_queued_bytes / 2, 0);
    until(|| {
        let now = said.load(Ordering::Relaxed);
        peer.buffered_amount() > full && std::mem::replace(&mut before, now) == now
    })
    .await;
    saying
}

/// Waits for something that another process does. It tells nobody, so its effect is polled.
pub(crate) async fn until(mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANGS, waiting).await.expect("it happens");
}
