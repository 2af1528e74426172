//! Takes the messages of a subscription at the moment at which the client has read them.
//!
//! async-nats gives each subscription a queue of its own. Whoever reads these queues in a task sees the
//! messages of one subscription in order, but not those of several. So a queue is emptied by its waker: the
//! client calls it while it adds a message, before it looks at the next one. Everything that happens there
//! is a push to the one queue of [`crate::queue`].

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, TryLockError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use async_nats::{Message, StatusCode, Subscriber};
use birpc_cluster::{BackplaneEvent, Topic};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::unconstrained;

use crate::queue::Queue;
use crate::subjects::{Reply, Subjects};

/// A message of up to this size is copied: it is part of a buffer with everything that was read with it, and
/// would keep all of it while one slow connection has the message in its queue.
const COPIED: usize = 16 << 10;

/// Where the messages of one connection go.
#[derive(Debug)]
pub(crate) struct Intake {
    queue: Arc<Queue>,
    /// How often the engine was lost before this connection.
    losses: u64,
    /// The number of the last message to itself that has come back.
    answered: watch::Sender<u64>,
}

impl Intake {
    pub(crate) fn new(queue: Arc<Queue>) -> Self {
        Self { losses: queue.losses(), queue, answered: watch::Sender::new(0) }
    }

    /// The numbers of the probes that come back.
    pub(crate) fn answers(&self) -> watch::Receiver<u64> {
        self.answered.subscribe()
    }

    /// Says that the client has dropped messages.
    pub(crate) fn note_overrun(&self) {
        self.queue.push_overrun(self.losses);
    }

    fn take(&self, message: Message, of: &Source) {
        match of {
            Source::Topic(topic) => {
                let payload = message.payload;
                let bytes = if payload.len() <= COPIED { Bytes::copy_from_slice(&payload) } else { payload };
                self.queue.push(self.losses, BackplaneEvent::Message { topic: topic.clone(), bytes });
            }
            Source::Replies => match Subjects::read_reply(&message.subject) {
                Some(Reply::Tag(tag)) if message.status == Some(StatusCode::NO_RESPONDERS) => {
                    self.queue.push(self.losses, BackplaneEvent::Nobody { tag });
                }
                Some(Reply::Probe(number)) => {
                    self.answered.send_if_modified(|last| {
                        let is_newer = number > *last;
                        *last = number.max(*last);
                        is_newer
                    });
                }
                _ => {}
            },
        }
    }
}

/// What a subscription is for.
#[derive(Debug)]
pub(crate) enum Source {
    Topic(Topic),
    Replies,
}

/// A subscription. Dropping this ends it.
#[derive(Debug)]
pub(crate) struct Inlet {
    subscriber: Mutex<Option<Subscriber>>,
    /// Whether there may be something in the subscription's queue.
    rung: AtomicBool,
    /// Calls [`Inlet::empty`].
    waker: Waker,
    source: Source,
    intake: Arc<Intake>,
    /// Dropping a subscriber spawns a task.
    runtime: Handle,
}

impl Inlet {
    /// Must be called in a runtime.
    pub(crate) fn new(subscriber: Subscriber, source: Source, intake: Arc<Intake>) -> Arc<Self> {
        let inlet = Arc::new_cyclic(|inlet: &Weak<Self>| Self {
            subscriber: Mutex::new(Some(subscriber)),
            rung: AtomicBool::new(false),
            waker: Waker::from(Arc::new(Bell(inlet.clone()))),
            source,
            intake,
            runtime: Handle::current(),
        });
        inlet.empty();
        inlet
    }

    /// The subscription, to end it. Nothing more is taken.
    pub(crate) fn close(&self) -> Option<Subscriber> {
        self.subscriber.lock().ok()?.take()
    }

    /// Takes what is there, and asks to be woken.
    fn empty(&self) {
        self.rung.store(true, Ordering::SeqCst);
        // Whoever finds it locked is on another thread, or within `poll_next` below: tokio may call a waker
        // while it is registered. The one that has the lock looks again when it has released it.
        while self.rung.load(Ordering::SeqCst) {
            let mut subscriber = match self.subscriber.try_lock() {
                Ok(subscriber) => subscriber,
                Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => return,
            };
            self.rung.store(false, Ordering::SeqCst);
            let Some(subscriber) = subscriber.as_mut() else { return };
            let mut cx = Context::from_waker(&self.waker);
            // The budget of the task that happens to run must not stop this: nothing would wake it again.
            while let Poll::Ready(Some(message)) =
                pin!(unconstrained(subscriber.next())).as_mut().poll(&mut cx)
            {
                self.intake.take(message, &self.source);
            }
        }
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        let _runtime = self.runtime.enter();
        drop(self.close());
    }
}

/// The waker of an [`Inlet`], which must not keep it.
struct Bell(Weak<Inlet>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if let Some(inlet) = self.0.upgrade() {
            inlet.empty();
        }
    }
}
