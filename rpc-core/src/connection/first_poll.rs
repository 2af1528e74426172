//! A handler's first poll, for which the connection lets go of its core.
//!
//! The core is in its slot meanwhile. If the poll takes long, the watchdog hands the core to another task,
//! and what was noted here says how the call goes on without the poll.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::dispatch::Route;
use crate::observe::Observed;
use crate::served_call::ServedCall;
use crate::shared_state::{OpenPermit, SharedState};

/// A connection's task that one poll holds for so long is told of in the log.
const WARN_AFTER: Duration = Duration::from_secs(1);

/// A call that is admitted, and whose handler has not been polled.
pub(super) struct Unstarted<'t> {
    call: Arc<ServedCall>,
    route: Arc<Route>,
    params: Option<Cow<'t, str>>,
    observed: Observed,
    permit: OpenPermit,
}

impl<'t> Unstarted<'t> {
    pub(super) fn new(
        call: Arc<ServedCall>,
        route: Arc<Route>,
        params: Option<Cow<'t, str>>,
        observed: Observed,
        permit: OpenPermit,
    ) -> Self {
        Self { call, route, params, observed, permit }
    }

    /// Its parts, to poll its handler with; the permit is held as long as the call is open.
    #[inline]
    pub(super) fn into_parts(
        self,
    ) -> (Arc<ServedCall>, Arc<Route>, Option<Cow<'t, str>>, Observed, OpenPermit) {
        (self.call, self.route, self.params, self.observed, self.permit)
    }
}

/// The hook that runs when a connection begins.
pub(super) type Hook = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is polled.
pub(super) enum FirstPoll {
    /// The handler of a call, and where the call is in the table. One that did not wait its turn is in no
    /// table.
    Handler(Arc<ServedCall>, Option<usize>),
    /// The hook for a connection's begin, and where it says that it has come to its first await.
    Opening(Arc<AtomicBool>),
    /// The hook for messages that are none of JSON-RPC.
    OtherMessage,
}

/// The first poll that is under way, and what has to come before others.
#[derive(Default)]
pub(super) struct FirstPolls {
    held: Option<Held>,
    opening: Opening,
}

/// The hook that runs when a connection begins, before the first message is read.
#[derive(Default)]
enum Opening {
    #[default]
    Done,
    New(Hook),
    /// It holds its thread; no handler starts before it lets go.
    Held(Arc<AtomicBool>),
}

/// The first poll that is under way.
struct Held {
    what: FirstPoll,
    /// Since when the watchdog has seen it.
    since: Option<Instant>,
    /// Whether it was told in the log.
    warned: bool,
}

impl FirstPolls {
    pub(super) fn set_opening(&mut self, hook: Hook) {
        self.opening = Opening::New(hook);
    }

    /// The hook that is to run before the first message is read, if it has not.
    pub(super) fn take_opening(&mut self) -> Option<Hook> {
        match std::mem::take(&mut self.opening) {
            Opening::New(hook) => Some(hook),
            opening => {
                self.opening = opening;
                None
            }
        }
    }

    /// Whether handlers have to wait for the hook that runs when a connection begins.
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

    /// A first poll begins.
    #[inline]
    pub(super) fn begin(&mut self, what: FirstPoll) {
        self.held = Some(Held { what, since: None, warned: false });
    }

    /// It has ended: what was polled.
    #[inline]
    pub(super) fn end(&mut self) -> Option<FirstPoll> {
        self.held.take().map(|held| held.what)
    }

    /// Since when the watchdog has seen the poll that is under way: from now on, if it had not.
    pub(super) fn seen(&mut self, now: Instant) -> Option<Instant> {
        self.held.as_mut().map(|held| *held.since.get_or_insert(now))
    }

    /// The poll that is under way, once, when it has lasted long. The connection has no other task.
    pub(super) fn late(&mut self, now: Instant) -> Option<Late> {
        self.held.as_mut()?.late(now, false)
    }

    /// The poll that is under way goes on without the core. `enter` enters its call into the table, if it is
    /// in none.
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
    /// Once, when it has lasted long. `goes_on`: the connection has another task that runs.
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

/// What is left of a first poll that went on without the core.
pub(super) struct Ceded {
    driver: u64,
    held: Held,
}

impl Ceded {
    /// Whose poll it is.
    pub(super) fn driver(&self) -> u64 {
        self.driver
    }

    /// Where its call is in the table.
    pub(super) fn key(&self) -> Option<usize> {
        match self.held.what {
            FirstPoll::Handler(_, key) => key,
            FirstPoll::Opening(_) | FirstPoll::OtherMessage => None,
        }
    }

    /// Once, when it has lasted long; `last` is the last driver that was polled.
    pub(super) fn late(&mut self, now: Instant, last: u64) -> Option<Late> {
        self.held.late(now, last > self.driver)
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
            connection = shared.id(),
            remote_addr = shared.remote_addr(),
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
