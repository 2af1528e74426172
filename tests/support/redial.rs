//! A server that a client loses and finds again, in memory.

use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};

use birpc::transport::{MemoryTransport, memory_pair};
use birpc::{Client, ClientBuilder, ConnectError, ConnectionInfo};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{OnDrop, Raw, Record};

/// What a client dials: each attempt fails as the test has it, or is the next raw peer.
pub struct Dials {
    peers: mpsc::UnboundedReceiver<Raw>,
    failures: Arc<Mutex<VecDeque<ConnectError>>>,
    /// When the client dialled.
    pub times: Record<Instant>,
    /// Tells when the client will never dial again.
    pub over: mpsc::UnboundedReceiver<()>,
}

/// What one attempt comes to.
type Opened = Result<(MemoryTransport, ConnectionInfo), ConnectError>;

impl Dials {
    /// What a client connects over, and its other side.
    pub fn new() -> (impl Fn() -> Ready<Opened> + Send + Sync + 'static, Self) {
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
            info.subprotocol = Some("birpc.v1".into());
            ready(Ok((near, info)))
        };
        (dial, dials)
    }

    /// Connects, beside what the first peers do.
    pub async fn connect<R>(
        builder: ClientBuilder,
        first: impl AsyncFnOnce(&mut Self) -> R,
    ) -> (Result<Client, ConnectError>, Self, R) {
        let (dial, mut dials) = Self::new();
        let (client, first) = tokio::join!(builder.connect_over(dial), first(&mut dials));
        (client, dials, first)
    }

    /// Connects to a peer that does nothing of its own.
    pub async fn connected(builder: ClientBuilder) -> (Client, Self, Raw) {
        let (client, dials, raw) = Self::connect(builder, Self::next).await;
        (client.expect("it connects"), dials, raw)
    }

    /// The peer of the next attempt that succeeds.
    pub async fn next(&mut self) -> Raw {
        self.peers.recv().await.expect("the client dials")
    }

    /// Has the next attempts fail so.
    pub fn fail(&self, errors: impl IntoIterator<Item = ConnectError>) {
        self.failures.lock().expect("nothing panics under the lock").extend(errors);
    }
}

/// An attempt that may go better next time.
pub fn unreachable() -> ConnectError {
    let source = std::io::ErrorKind::ConnectionRefused.into();
    ConnectError::Io { address: "memory".into(), source }
}
