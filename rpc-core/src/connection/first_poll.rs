//! A handler's first poll, for which the connection lets go of its core.
//!
//! The core is in its slot meanwhile. If the poll takes long, the watchdog hands the core to another task,
//! and what was noted here says how the call goes on without the poll.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::closing::Ending;
use super::core::Core;
use super::turn::{Stop, Turn};
use crate::dispatch::{self, Occupied, Polled, Route, guarded};
use crate::multiplexer::{Due, Opened};
use crate::observe::Observed;
use crate::served_call::ServedCall;
use crate::shared_state::{OpenPermit, SharedState};
use crate::transport::Transport;

/// Held so long by one poll, a connection's task is told of in the log.
const WARN_AFTER: Duration = Duration::from_secs(1);

/// Of what is in no table.
const NO_KEY: usize = usize::MAX;

/// A handler that is to be polled for the first time.
pub(super) struct Start<'t> {
    pub(super) call: Arc<ServedCall>,
    pub(super) route: Arc<Route>,
    pub(super) params: Option<Cow<'t, str>>,
    pub(super) observed: Observed,
    pub(super) permit: OpenPermit,
    /// With the begin of the reply.
    pub(super) reply: Vec<u8>,
}

/// What the core knows of the first poll that is under way.
pub(super) struct Held {
    pub(super) what: FirstPoll,
    /// Since when the watchdog has seen it.
    pub(super) since: Option<Instant>,
    /// Whether it was told in the log.
    pub(super) warned: bool,
}

/// What is polled.
pub(super) enum FirstPoll {
    /// The handler of a call that is not in the table.
    New(Fresh),
    /// The handler of a call that had waited its turn.
    Entered(usize, Arc<ServedCall>),
    /// What runs before the first message is read, and where it says that it has come to its first await.
    Opening(Arc<AtomicBool>),
    /// The hook for messages that are none of JSON-RPC.
    Other,
}

/// A call that is not in the table.
pub(super) struct Fresh {
    pub(super) call: Arc<ServedCall>,
    /// Where its reply goes; of a notification, where none is due once it was polled.
    pub(super) batch: Option<usize>,
    pub(super) ordered: bool,
}

impl Fresh {
    pub(super) fn opened(self) -> Opened<Arc<ServedCall>> {
        let (id, batch) = (self.call.id.clone(), self.batch.filter(|_| self.call.id.is_some()));
        Opened { call: self.call, id, batch, ordered: self.ordered }
    }
}

/// What is to run before the first message is read.
pub(super) enum Opening {
    None,
    New(Pin<Box<dyn Future<Output = ()> + Send>>),
    /// It holds its thread; no handler starts before it lets go.
    Held(Arc<AtomicBool>),
}

/// What is left of a first poll that went on without the core.
pub(super) struct Ceded {
    /// Whose poll it is.
    pub(super) driver: u64,
    /// Where its call is in the table.
    pub(super) key: usize,
    pub(super) held: Held,
}

impl Held {
    pub(super) fn new(what: FirstPoll) -> Self {
        Self { what, since: None, warned: false }
    }

    /// It is a notification, for which nothing is due in its batch.
    pub(super) fn answer_behind(&mut self, batch: Option<usize>) {
        if let FirstPoll::New(fresh) = &mut self.what {
            fresh.batch = batch;
        }
    }

    /// Once, when it has lasted long. `goes_on`: the connection has another task that runs.
    pub(super) fn late(&mut self, now: Instant, goes_on: bool) -> Option<Late> {
        let late = self.since.is_some_and(|since| now.duration_since(since) >= WARN_AFTER);
        if self.warned || !late {
            return None;
        }
        self.warned = true;
        let what = match &self.what {
            FirstPoll::New(Fresh { call, .. }) | FirstPoll::Entered(_, call) => Ok(call.clone()),
            FirstPoll::Opening(_) => Err("on_connect"),
            FirstPoll::Other => Err("on_other_message"),
        };
        Some(Late { what, goes_on })
    }
}

/// A first poll that takes long.
pub(super) struct Late {
    /// The call, or the name of a hook.
    what: Result<Arc<ServedCall>, &'static str>,
    goes_on: bool,
}

impl Late {
    /// Says so in the log. A handler that waits for a call, where nothing is left that could bring the reply,
    /// has that call end.
    pub(super) fn tell(self, shared: &SharedState) {
        tracing::warn!(
            connection = shared.id,
            method = self.what.as_ref().map_or_else(|hook| *hook, |call| &*call.method),
            "a handler has held its connection's task for more than a second; a method that blocks its thread \
             belongs to #[rpc(blocking)]"
        );
        match self.what {
            Ok(call) if !self.goes_on && call.awaits_peer() => call.cancel_nested(),
            _ => {}
        }
    }
}

impl Opening {
    /// Whether handlers have to wait for it.
    pub(super) fn holds(&mut self) -> bool {
        match self {
            Self::None => false,
            Self::New(_) => true,
            Self::Held(done) if done.load(Ordering::Acquire) => {
                *self = Self::None;
                false
            }
            Self::Held(_) => true,
        }
    }
}

impl<T: Transport> Core<T> {
    /// Notes that a first poll goes on without the core. Gives what is left of it, and the answer of its
    /// batch if that is complete now, which is to be queued.
    pub(super) fn cede(&mut self, driver: u64, held: Held) -> (Ceded, Option<Bytes>) {
        let mut answer = None;
        let (key, what) = match held.what {
            FirstPoll::Entered(key, call) => (key, FirstPoll::Entered(key, call)),
            FirstPoll::Other => (NO_KEY, FirstPoll::Other),
            FirstPoll::Opening(done) => {
                self.opening = Opening::Held(done.clone());
                (NO_KEY, FirstPoll::Opening(done))
            }
            FirstPoll::New(fresh) => {
                let call = fresh.call.clone();
                let notified = fresh.batch.filter(|_| call.id.is_none());
                let key = self.serving.table.insert(fresh.opened());
                self.publish_serving();
                if let Some(batch) = notified
                    && let Due::Batch(array) = self.serving.table.answer_in_batch(batch, &[])
                {
                    answer = Some(array);
                }
                (key, FirstPoll::Entered(key, call))
            }
        };
        (Ceded { driver, key, held: Held { what, ..held } }, answer)
    }

    /// A handler was polled, and the core is back.
    fn polled(
        &mut self,
        begun: Polled,
        occupied: impl FnOnce() -> Occupied,
        reply: Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Result<(), Ending> {
        match self.held.take().map(|held| held.what) {
            Some(FirstPoll::New(fresh)) => self.begun(fresh, begun, occupied, reply, cx),
            Some(FirstPoll::Entered(key, call)) => self.begun_parked(key, call, begun, occupied, reply, cx),
            Some(FirstPoll::Opening(_) | FirstPoll::Other) | None => Ok(()),
        }
    }
}

impl<T: Transport> Turn<'_, T> {
    /// Polls a handler once, in place; one that is not ready gets a task.
    pub(super) fn run(&mut self, start: Start<'_>, cx: &mut Context<'_>) -> Result<(), Stop> {
        self.lend();
        let Start { call, route, params, observed, permit, mut reply } = start;
        let begun = dispatch::poll_once(&call, &route, params.as_deref(), observed, &mut reply);
        let slot = self.slot();
        let occupied = || Occupied::new(permit, slot.tenancy());
        if let Some(core) = self.take_back() {
            return Ok(core.polled(begun, occupied, reply, cx)?);
        }
        // The connection has gone on elsewhere, where this is one of the calls that are open; or it was
        // dropped, which has cancelled the call. Either way its handler ends in a task, which gives back what
        // it holds.
        let key = slot.take_ceded(self.driver()).map_or(NO_KEY, |ceded| ceded.key);
        match begun {
            Polled::Done => {
                drop(occupied);
                dispatch::reply_late(&call, key, reply);
            }
            Polled::Pending(handling, observed) => dispatch::spawn(call, key, handling, observed, occupied()),
        }
        Err(Stop::Gone)
    }

    /// Runs what comes before the first message, up to its first await; the rest of it has a task, and ends
    /// with the connection.
    pub(super) fn open(&mut self) -> Result<(), Stop> {
        let Opening::New(mut hook) = std::mem::replace(&mut self.core().opening, Opening::None) else {
            return Ok(());
        };
        let done = Arc::new(AtomicBool::new(false));
        self.core().held = Some(Held::new(FirstPoll::Opening(done.clone())));
        self.lend();
        let polled = guarded(|| {
            let polled = hook.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            polled.is_pending().then_some(hook)
        });
        let shared = self.slot().shared().clone();
        match polled {
            Ok(Some(hook)) => {
                let (shared, tenancy) = (shared.clone(), self.slot().tenancy());
                tokio::spawn(async move {
                    let _tenancy = tenancy;
                    until_ending(&shared, hook).await;
                });
            }
            Ok(None) => {}
            // As one in a task would: it ends the hook, and nothing else.
            Err(_) => tracing::error!(connection = shared.id, "what runs when a connection opens panicked"),
        }
        if let Some(core) = self.take_back() {
            core.held = None;
            return Ok(());
        }
        self.slot().take_ceded(self.driver());
        done.store(true, Ordering::Release);
        shared.notify_driver();
        Err(Stop::Gone)
    }
}

impl<T: Transport> Turn<'_, T> {
    /// Tells the application of a message that is none of JSON-RPC, in order, and as a handler is polled.
    pub(super) fn tell_other(&mut self, text: &str) -> Result<(), Stop> {
        let core = self.core();
        let Some(others) = core.serving.others.clone().filter(|others| others.begin(&core.shared, text))
        else {
            return Ok(());
        };
        core.held = Some(Held::new(FirstPoll::Other));
        self.lend();
        let shared = self.slot().shared().clone();
        others.tell(&shared, text);
        if let Some(core) = self.take_back() {
            core.held = None;
            others.end();
            return Ok(());
        }
        self.slot().take_ceded(self.driver());
        others.tell_rest(shared, self.slot().tenancy());
        Err(Stop::Gone)
    }
}

async fn until_ending(shared: &SharedState, hook: Pin<Box<dyn Future<Output = ()> + Send>>) {
    tokio::select! {
        biased;
        () = shared.ending_begun() => {}
        () = hook => {}
    }
}
