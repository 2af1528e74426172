//! What exists only while a page watches: the counts, the sampler and the logs of messages. The first stream
//! of a page creates it, and the last one that ends drops it.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use birpc_core::__private::crates::inspect::{Direction, EndedCall, Watcher, Watching, WatchingFrames};
use birpc_core::transport::Frame;
use birpc_server::__private::inspection;
use birpc_server::ServerHandle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::contract::Sample;
use crate::message_log::{MessageLog, MessageLogs, TooManyLogs};
use crate::sampler;
use crate::tallies::Tallies;

/// Creates a [`Watch`] when it is needed.
#[derive(Debug)]
pub(crate) struct Watches {
    server: ServerHandle,
    current: Mutex<Weak<Watch>>,
}

/// Held by each stream of a page.
pub(crate) struct Watch {
    hears: Arc<Hears>,
    watching: Watching,
    samples: watch::Receiver<Arc<Sample>>,
    sampler: AbortHandle,
}

/// What the server's connections tell.
#[derive(Default)]
struct Hears {
    tallies: Arc<Tallies>,
    logs: MessageLogs,
}

/// A log of messages, while frames are heard.
pub(crate) struct HeardLog {
    _frames: WatchingFrames,
    log: Arc<MessageLog>,
    watch: Arc<Watch>,
}

impl Watches {
    pub(crate) fn new(server: ServerHandle) -> Self {
        Self { server, current: Mutex::default() }
    }

    /// Watches the server. Must be called within a tokio runtime.
    pub(crate) fn join(&self) -> Arc<Watch> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watch) = current.upgrade() {
            return watch;
        }
        let watch = Arc::new(Watch::begin(&self.server));
        *current = Arc::downgrade(&watch);
        watch
    }

    /// The server that is inspected.
    pub(crate) fn server(&self) -> &ServerHandle {
        &self.server
    }
}

impl Watch {
    fn begin(server: &ServerHandle) -> Self {
        let hears = Arc::new(Hears::default());
        let watching = inspection(server).watch(hears.clone());
        let (sender, samples) = watch::channel(Arc::default());
        let sampler = sampler::run(server.clone(), hears.tallies.clone(), sender);
        Self { hears, watching, samples, sampler: tokio::spawn(sampler).abort_handle() }
    }

    /// The latest sample, and those that follow. The first is empty.
    pub(crate) fn samples(&self) -> watch::Receiver<Arc<Sample>> {
        self.samples.clone()
    }

    /// Begins a log of a connection's messages.
    pub(crate) fn log(self: &Arc<Self>, connection: u64) -> Result<HeardLog, TooManyLogs> {
        let log = self.hears.logs.open(connection)?;
        Ok(HeardLog { _frames: self.watching.frames(), log, watch: self.clone() })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.sampler.abort();
    }
}

impl HeardLog {
    pub(crate) fn log(&self) -> &MessageLog {
        &self.log
    }
}

impl Drop for HeardLog {
    fn drop(&mut self) {
        self.watch.hears.logs.close(&self.log);
    }
}

impl Watcher for Hears {
    fn call_ended(&self, call: &EndedCall<'_>) {
        self.tallies.count(call);
    }

    fn frame(&self, connection: u64, direction: Direction, frame: &Frame) {
        self.logs.frame(connection, direction, frame);
    }
}
