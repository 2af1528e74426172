//! The arguments of a call that are streams. Each has a task from the call's first poll on, so that an upload
//! continues while its caller reads results.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::message::{ErrorCode, ErrorObject};
use crate::multiplexer::{Breakage, Halt, StreamKey};
use crate::observe::CallItems;
use crate::panic_guard::{Panicked, guarded};
use crate::shared_state::SharedState;
use crate::streaming::{Finish, Pump, PumpName, Source, Sources};

/// The call's entry in the tables of a connection.
#[derive(Clone)]
struct Place {
    shared: Arc<SharedState>,
    id: u64,
    keys: Arc<[StreamKey]>,
    items: CallItems,
}

impl Place {
    /// Logs that a producer has panicked. Returns the error with which its argument ends.
    fn panicked(&self, panic: &Panicked) -> ErrorObject {
        let (connection, method) = (self.shared.id(), self.items.method());
        tracing::error!(connection, method, panic = panic.text(), "the producer of a stream panicked");
        ErrorObject::framework(ErrorCode::Internal)
    }
}

/// The tasks of a call. They end with the call.
pub(super) struct ArgumentTasks {
    place: watch::Sender<Option<Place>>,
    numbers: Vec<u16>,
}

impl ArgumentTasks {
    /// Spawns the tasks. Each waits until the call has been sent.
    pub(super) fn spawn(sources: Sources, runtime: &Handle) -> Self {
        let (place, places) = watch::channel(None);
        let mut numbers = Vec::new();
        for (index, (number, source)) in sources.into_numbered().enumerate() {
            numbers.push(number);
            runtime.spawn(send(source, number, index, places.clone()));
        }
        Self { place, numbers }
    }

    /// The numbers that represent the streams in the params.
    pub(super) fn numbers(&self) -> &[u16] {
        &self.numbers
    }

    /// Records that the call has been entered into the tables of a connection, the first one or the next.
    pub(super) fn entered(&self, shared: &Arc<SharedState>, id: u64, keys: &[StreamKey], items: &CallItems) {
        let place = Place { shared: shared.clone(), id, keys: keys.into(), items: items.clone() };
        self.place.send_replace(Some(place));
    }
}

/// Sends an argument.
async fn send(
    source: Box<dyn Source>,
    number: u16,
    index: usize,
    mut places: watch::Receiver<Option<Place>>,
) {
    let (place, sending) = loop {
        // There is no sender if the call has ended before it was sent.
        let Ok(place) = places.wait_for(Option::is_some).await.map(|place| place.clone()) else { return };
        let Some(place) = place else { return };
        let Some(key) = place.keys.get(index).copied() else { return };
        let sending = Sending { shared: place.shared.clone(), key, is_over: false };
        match poll_fn(|cx| place.shared.as_producer().poll_started(key, cx)).await {
            Ok(()) => break (place, sending),
            Err(_) => sending.end(None),
        }
        // The call may be sent on another connection.
        if places.changed().await.is_err() {
            return;
        }
    };
    if source.is_endless() {
        place.shared.as_producer().set_endless(sending.key);
    }
    let observed = place.items.produced(place.shared.meters());
    let mut pump = Pump::new(source, sending.key, PumpName::Argument(place.id, number)).observed(observed);
    let polled = poll_fn(|cx| {
        let polled = guarded(|| pump.poll(&place.shared, cx));
        polled.unwrap_or_else(|panic| {
            let failed = Finish::Failed(place.panicked(&panic));
            Poll::Ready(if Breakage::DroppedProducerIsClean.is_on() { Finish::Complete } else { failed })
        })
    });
    let error = match polled.await {
        Finish::Halted(Halt::Draining) => Some(ErrorObject::framework(ErrorCode::ShuttingDown)),
        Finish::Complete | Finish::Halted(_) => None,
        Finish::Failed(error) => Some(error),
    };
    // The source is dropped first, so that its resources are released when the peer learns of the end.
    drop(pump);
    sending.end(error.as_ref());
}

/// A producer in the table. If its task panics, or the runtime drops the task, the argument fails.
struct Sending {
    shared: Arc<SharedState>,
    key: StreamKey,
    is_over: bool,
}

impl Sending {
    fn end(mut self, error: Option<&ErrorObject>) {
        self.is_over = true;
        self.shared.as_producer().end_argument(self.key, error);
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if std::thread::panicking() {
            tracing::error!(connection = self.shared.id(), "the producer of a stream panicked");
        }
        let error = ErrorObject::framework(ErrorCode::Internal);
        self.shared.as_producer().end_argument(self.key, Some(&error));
    }
}
