//! A server in memory that a client loses and finds again.

use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};

use birpc::transport::{MemoryTransport, memory_pair};
use birpc::{Client, ClientBuilder, ConnectError, ConnectionInfo};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{OnDrop, Raw, Record};

/// The connections of a client: each attempt fails as the test has configured it, or gets the next raw peer.
pub struct Dials {
    peers: mpsc::UnboundedReceiver<Raw>,
    failures: Arc<Mutex<VecDeque<ConnectError>>>,
    /// When the client tried to connect.
    pub times: Record<Instant>,
    /// Receives a message when the client will not try again.
    pub over: mpsc::UnboundedReceiver<()>,
}

/// The outcome of an attempt.
type Opened = Result<(MemoryTransport, ConnectionInfo), ConnectError>;

impl Dials {
    /// The function for `connect_over`, and its other side.
    pub fn new() -> (impl Fn() -> Ready<Opened> + Send + Sync + 'static, Self) {
        Self::of(Some("birpc.v1"))
    }

    /// The same for connections that agree on this subprotocol.
    fn of(subprotocol: Option<&'static str>) -> (impl Fn() -> Ready<Opened> + Send + Sync + 'static, Self) {
        let (sender, peers) = mpsc::unbounded_channel();
        let (end, over) = mpsc::unbounded_channel();
        let (times, guard) = (Record::default(), OnDrop::tell(&end));
        let dials = Self { peers, failures: Arc::default(), times, over };
        let (times, failures) = (dials.times.clone(), dials.failures.clone());
        let dial = move || {
            let _held_by_the_client = &guard;
            times.push(Instant::now());
            if let Some(error) = failures.lock().expect("nothing panics under the lock").pop_front() {
                return ready(Err(error));
            }
            let (near, far) = memory_pair();
            let _ = sender.send(Raw::Memory(far)); // a test that is over listens no more
            let mut info = ConnectionInfo::default();
            info.subprotocol = subprotocol.map(str::to_owned);
            ready(Ok((near, info)))
        };
        (dial, dials)
    }

    /// Connects, while the first peers run `first`.
    pub async fn connect<R>(
        builder: ClientBuilder,
        first: impl AsyncFnOnce(&mut Self) -> R,
    ) -> (Result<Client, ConnectError>, Self, R) {
        let (dial, mut dials) = Self::new();
        let (client, first) = tokio::join!(builder.connect_over(dial), first(&mut dials));
        (client, dials, first)
    }

    /// Connects to a peer that does nothing by itself.
    pub async fn connected(builder: ClientBuilder) -> (Client, Self, Raw) {
        Self::connected_as(Some("birpc.v1"), builder).await
    }

    /// The same for connections that agree on this subprotocol.
    pub async fn connected_as(
        subprotocol: Option<&'static str>,
        builder: ClientBuilder,
    ) -> (Client, Self, Raw) {
        let (dial, mut dials) = Self::of(subprotocol);
        let (client, raw) = tokio::join!(builder.connect_over(dial), dials.next());
        (client.expect("it connects"), dials, raw)
    }

    /// The peer of the next successful attempt.
    pub async fn next(&mut self) -> Raw {
        self.peers.recv().await.expect("the client dials")
    }

    /// Makes the next attempts fail with these errors.
    pub fn fail(&self, errors: impl IntoIterator<Item = ConnectError>) {
        self.failures.lock().expect("nothing panics under the lock").extend(errors);
    }
}

/// The error of an attempt that may succeed the next time.
pub fn unreachable() -> ConnectError {
    let source = std::io::ErrorKind::ConnectionRefused.into();
    ConnectError::Io { address: "memory".into(), source }
}
