//! A handler's first poll, during which the connection does not hold its core.
//!
//! The core is in its slot meanwhile. If the poll takes long, the watchdog passes the core to another task.
//! The state here says how the call continues without its first poll.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::dispatch::Route;
use crate::observe::ObservedServed;
use crate::served_call::ServedCall;
use crate::shared_state::{OpenPermit, SharedState};

/// The time after which the log warns of a poll that blocks a connection's task.
const WARN_AFTER: Duration = Duration::from_secs(1);

/// A call that is admitted, and whose handler has not been polled.
pub(super) struct Unstarted<'t> {
    call: Arc<ServedCall>,
    route: Arc<Route>,
    params: Option<Cow<'t, str>>,
    observed: ObservedServed,
    permit: OpenPermit,
}

impl<'t> Unstarted<'t> {
    pub(super) fn new(
        call: Arc<ServedCall>,
        route: Arc<Route>,
        params: Option<Cow<'t, str>>,
        observed: ObservedServed,
        permit: OpenPermit,
    ) -> Self {
        Self { call, route, params, observed, permit }
    }

    /// Returns the parts for polling the handler. The permit is held while the call is open.
    #[inline]
    pub(super) fn into_parts(
        self,
    ) -> (Arc<ServedCall>, Arc<Route>, Option<Cow<'t, str>>, ObservedServed, OpenPermit) {
        (self.call, self.route, self.params, self.observed, self.permit)
    }
}

/// The hook `on_begin` of a connection.
pub(super) type Hook = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The code that is polled.
pub(super) enum FirstPoll {
    /// A call's handler, and the call's entry in the table. A call that was not parked has no entry.
    Handler(Arc<ServedCall>, Option<usize>),
    /// The hook `on_begin`, and the flag that is set when it has reached its first await.
    Opening(Arc<AtomicBool>),
    /// The hook for messages that are not JSON-RPC.
    OtherMessage,
}

/// The current first poll, and the hook that must run before others.
#[derive(Default)]
pub(super) struct FirstPolls {
    held: Option<Held>,
    opening: Opening,
}

/// The state of the hook `on_begin`, which runs before the first message is read.
#[derive(Default)]
enum Opening {
    #[default]
    Done,
    New(Hook),
    /// The hook blocks its thread. No handler starts before its first await.
    Held(Arc<AtomicBool>),
}

/// The current first poll.
struct Held {
    what: FirstPoll,
    /// When the watchdog first saw it.
    since: Option<Instant>,
    /// Whether the log has warned of it.
    warned: bool,
}

impl FirstPolls {
    pub(super) fn set_opening(&mut self, hook: Hook) {
        self.opening = Opening::New(hook);
    }

    /// Returns the hook that must run before the first message is read, the first time.
    pub(super) fn take_opening(&mut self) -> Option<Hook> {
        match std::mem::take(&mut self.opening) {
            Opening::New(hook) => Some(hook),
            opening => {
                self.opening = opening;
                None
            }
        }
    }

    /// Whether handlers must wait for the hook `on_begin`.
    pub(super) fn hold_others(&mut self) -> bool {
        match &self.opening {
            Opening::Done => false,
            Opening::New(_) => true,
            Opening::Held(done) if done.load(Ordering::Acquire) => {
                self.opening = Opening::Done;
                false
            }
            Opening::Held(_) => true,
        }
    }

    /// Records that a first poll begins.
    #[inline]
    pub(super) fn begin(&mut self, what: FirstPoll) {
        self.held = Some(Held { what, since: None, warned: false });
    }

    /// Records that the first poll has ended. Returns what was polled.
    #[inline]
    pub(super) fn end(&mut self) -> Option<FirstPoll> {
        self.held.take().map(|held| held.what)
    }

    /// Returns when the watchdog first saw the current poll, which is now if it had not seen it before.
    pub(super) fn seen(&mut self, now: Instant) -> Option<Instant> {
        self.held.as_mut().map(|held| *held.since.get_or_insert(now))
    }

    /// Returns the current poll once it has lasted too long. The connection has no other task.
    pub(super) fn late(&mut self, now: Instant) -> Option<Late> {
        self.held.as_mut()?.late(now, false)
    }

    /// Lets the current poll continue without the core. `enter` enters its call into the table, if it is not
    /// there yet.
    pub(super) fn cede(
        &mut self,
        driver: u64,
        enter: impl FnOnce(&Arc<ServedCall>) -> usize,
    ) -> Option<Ceded> {
        let mut held = self.held.take()?;
        match &mut held.what {
            FirstPoll::Handler(call, key @ None) => *key = Some(enter(call)),
            FirstPoll::Opening(done) => self.opening = Opening::Held(done.clone()),
            FirstPoll::Handler(_, Some(_)) | FirstPoll::OtherMessage => {}
        }
        Some(Ceded { driver, held })
    }
}

impl Held {
    /// Returns the poll once it has lasted too long. `goes_on`: the connection has another task that runs.
    fn late(&mut self, now: Instant, goes_on: bool) -> Option<Late> {
        let late = self.since.is_some_and(|since| now.duration_since(since) >= WARN_AFTER);
        if self.warned || !late {
            return None;
        }
        self.warned = true;
        let what = match &self.what {
            FirstPoll::Handler(call, _) => Ok(call.clone()),
            FirstPoll::Opening(_) => Err("on_connect"),
            FirstPoll::OtherMessage => Err("on_other_message"),
        };
        Some(Late { what, goes_on })
    }
}

/// The remaining state of a first poll that continues without the core.
pub(super) struct Ceded {
    driver: u64,
    held: Held,
}

impl Ceded {
    /// The driver that makes the poll.
    pub(super) fn driver(&self) -> u64 {
        self.driver
    }

    /// The call's entry in the table.
    pub(super) fn key(&self) -> Option<usize> {
        match self.held.what {
            FirstPoll::Handler(_, key) => key,
            FirstPoll::Opening(_) | FirstPoll::OtherMessage => None,
        }
    }

    /// Returns the poll once it has lasted too long. `last` is the last driver that was polled.
    pub(super) fn late(&mut self, now: Instant, last: u64) -> Option<Late> {
        self.held.late(now, last > self.driver)
    }
}

/// A first poll that takes too long.
pub(super) struct Late {
    /// The call, or the name of a hook.
    what: Result<Arc<ServedCall>, &'static str>,
    goes_on: bool,
}

impl Late {
    /// Logs a warning. If the handler waits for a call while no task is left that could receive the reply,
    /// that call is ended.
    pub(super) fn tell(self, shared: &SharedState) {
        tracing::warn!(
            connection = shared.id(),
            remote_addr = shared.info().remote_addr_field(),
            method = self.what.as_ref().map_or_else(|hook| *hook, |call| &*call.method),
            "a handler has blocked its connection's task for more than a second; mark a method that blocks \
             its thread with #[rpc(blocking)]"
        );
        match self.what {
            Ok(call) if !self.goes_on && call.awaits_peer() => call.cancel_nested(),
            _ => {}
        }
    }
}
