//! One turn of a connection: it reads, answers, starts calls and flushes once. During the first poll of a
//! handler, the turn does not hold the core.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use tokio::runtime::Handle;

use super::core::Core;
use super::ending::Ending;
use super::first_poll::{Ceded, FirstPoll, Hook, Unstarted};
use super::receive::Received;
use super::serving::NextCall;
use super::slot::Slot;
use super::step::Step;
use crate::close::CloseReason;
use crate::dispatch::{self, Occupied, Polled};
use crate::panic_guard::guarded;
use crate::panic_text::panic_text;
use crate::shared_state::SharedState;
use crate::transport::Transport;
use crate::watchdog::Watch;

/// The key of a call that is in no table.
const NO_KEY: usize = usize::MAX;

/// The result of a driver's poll.
pub(super) enum Driven {
    Pending,
    Ended(CloseReason),
    /// The connection has continued on another task.
    Gone,
}

/// Why a turn stops.
enum Stop {
    End(Ending),
    /// A handler has blocked this task, and the connection has continued on another one.
    Gone,
}

impl<E: Into<Ending>> From<E> for Stop {
    fn from(ending: E) -> Self {
        Self::End(ending.into())
    }
}

/// A poll of a connection. It holds the core, except while a handler is polled.
struct Turn<'s, T> {
    slot: &'s Arc<Slot<T>>,
    driver: u64,
    core: Option<Box<Core<T>>>,
    /// Set when the first handler of this turn is polled.
    watch: Option<Watch>,
}

/// Polls a connection for the driver with this number.
pub(super) fn drive<T: Transport>(slot: &Arc<Slot<T>>, driver: u64, cx: &mut Context<'_>) -> Driven {
    slot.shared().as_driver().register(cx);
    let Some(core) = slot.take(driver) else { return Driven::Gone };
    let mut turn = Turn { slot, driver, core: Some(core), watch: None };
    match turn.poll(cx) {
        Ok(Poll::Pending) => {
            turn.put_back();
            Driven::Pending
        }
        Ok(Poll::Ready(reason)) => {
            turn.core().on_end().run(&reason, slot.shared());
            Driven::Ended(reason)
        }
        Err(Gone) => Driven::Gone,
    }
}

struct Gone;

impl<'s, T: Transport> Turn<'s, T> {
    fn core(&mut self) -> &mut Core<T> {
        self.core.as_mut().expect("only Turn::lend takes it, and a turn that cannot take it back stops")
    }

    /// Gives the core up while a handler is polled.
    fn lend(&mut self) {
        if self.watch.is_none() {
            self.watch = Watch::begin(self.slot.clone());
        }
        self.put_back();
    }

    fn put_back(&mut self) {
        if let Some(core) = self.core.take() {
            self.slot.put(self.driver, core);
        }
    }

    /// Takes the core back, unless another task has it.
    fn take_back(&mut self) -> Option<&mut Core<T>> {
        self.core = self.slot.take(self.driver);
        self.core.as_deref_mut()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Result<Poll<CloseReason>, Gone> {
        let core = self.core();
        if core.is_open() {
            if core.defer_turn() {
                cx.waker().wake_by_ref();
                return Ok(Poll::Pending);
            }
            match self.turn(cx) {
                Ok(()) => return Ok(Poll::Pending),
                Err(Stop::End(ending)) => self.core().begin_closing(ending),
                Err(Stop::Gone) => return Err(Gone),
            }
        }
        Ok(self.core().poll_closing(cx))
    }

    /// Takes what is queued, reads, answers, and flushes once. `Err` ends the connection.
    fn turn(&mut self, cx: &mut Context<'_>) -> Result<(), Stop> {
        if let Some(hook) = self.core().first_polls().take_opening() {
            self.open(hook)?;
        }
        self.core().begin_turn(cx)?;
        let more_to_read = self.read(cx)?;
        // Handlers that have ended make room for parked calls.
        self.core().flush_queue(cx)?;
        let more_to_start = self.start_parked(cx)?;
        let core = self.core();
        let more = more_to_start || (more_to_read && core.can_read_more());
        Ok(core.end_turn(more, cx)?)
    }

    /// Reads until the budget is used up; `true` if there may be more.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Stop> {
        let mut step = Step::new(cx);
        loop {
            let core = self.core();
            if core.must_stop_reading(&step) {
                return Ok(true);
            }
            let Poll::Ready(text) = core.poll_text(&mut step) else { return Ok(false) };
            let Some(text) = text? else { continue };
            match core.receive(&text, &mut step)? {
                Received::Done => {}
                Received::Call(call) => self.run(None, call, &mut step)?,
                Received::Other(text) => self.tell_other(text)?,
            }
        }
    }

    /// Starts parked calls until the budget is used up; `true` if there are more.
    fn start_parked(&mut self, cx: &mut Context<'_>) -> Result<bool, Stop> {
        let mut step = Step::new(cx);
        loop {
            match self.core().next_parked(&mut step) {
                NextCall::Start(key, call) => self.run(Some(key), call, &mut step)?,
                NextCall::None { more } => return Ok(more),
            }
        }
    }

    /// Polls a handler once, in place. If it is not ready, it gets a task.
    fn run(&mut self, key: Option<usize>, call: Unstarted<'_>, step: &mut Step<'_, '_>) -> Result<(), Stop> {
        let (call, route, params, observed, permit) = call.into_parts();
        let mut reply = self.core().begin_first_poll(&call, key);
        self.lend();
        let polled = dispatch::poll_once(&call, &route, params.as_deref(), observed, &mut reply);
        let slot = self.slot;
        let occupied = || Occupied::new(permit, slot.tenancy());
        if let Some(core) = self.take_back() {
            return Ok(core.end_first_poll(polled, occupied, reply, step)?);
        }
        // Either the connection has continued on another task, where this call is among the open ones, or it
        // was dropped, which has cancelled the call. In both cases the handler ends in a task, which releases
        // what it occupies.
        let key = slot.take_ceded(self.driver).as_ref().and_then(Ceded::key).unwrap_or(NO_KEY);
        match polled {
            Polled::Done => {
                dispatch::release(&call, occupied);
                dispatch::reply_late(&call, key, reply);
            }
            Polled::Pending(handling, observed) => dispatch::spawn(call, key, handling, observed, occupied()),
        }
        Err(Stop::Gone)
    }

    /// Runs the hook `on_begin` up to its first await, before the first message. The rest of it runs in a
    /// task that ends with the connection.
    fn open(&mut self, mut hook: Hook) -> Result<(), Stop> {
        let done = Arc::new(AtomicBool::new(false));
        self.core().first_polls().begin(FirstPoll::Opening(done.clone()));
        self.lend();
        let polled = guarded(|| {
            let polled = hook.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            polled.is_pending().then_some(hook)
        });
        let shared = self.slot.shared().clone();
        match polled {
            Ok(Some(hook)) => {
                let (shared, tenancy) = (shared.clone(), self.slot.tenancy());
                tokio::spawn(async move {
                    let _tenancy = tenancy;
                    let hook = AssertUnwindSafe(until_ending(&shared, hook)).catch_unwind();
                    if let Err(panic) = hook.await {
                        warn_panic(&shared, &panic_text(&*panic));
                    }
                });
            }
            Ok(None) => {}
            // As in a task: the panic ends the hook and nothing else.
            Err(panic) => warn_panic(&shared, panic.text()),
        }
        if let Some(core) = self.take_back() {
            core.first_polls().end();
            return Ok(());
        }
        self.slot.take_ceded(self.driver);
        done.store(true, Ordering::Release);
        shared.driver_waker().notify();
        Err(Stop::Gone)
    }

    /// Passes a message that is not JSON-RPC to the application's hook, in order, under the same protection
    /// as a handler's first poll.
    fn tell_other(&mut self, text: &str) -> Result<(), Stop> {
        let core = self.core();
        let Some(others) = core.take_other(text) else { return Ok(()) };
        core.first_polls().begin(FirstPoll::OtherMessage);
        self.lend();
        let shared = self.slot.shared().clone();
        others.tell(&shared, text);
        if let Some(core) = self.take_back() {
            core.first_polls().end();
            others.end();
            return Ok(());
        }
        self.slot.take_ceded(self.driver);
        others.tell_rest(shared, self.slot.tenancy());
        Err(Stop::Gone)
    }
}

async fn until_ending(shared: &SharedState, hook: Hook) {
    tokio::select! {
        biased;
        () = shared.as_life().ending_begun() => {}
        // The hook may also block after its first await.
        () = shared.driver_waker().watched(hook) => {}
    }
}

/// Logs that the hook for a new connection has panicked, such as a server's `on_connect`.
fn warn_panic(shared: &SharedState, text: &str) {
    tracing::error!(
        connection = shared.id(),
        remote_addr = shared.info().remote_addr_field(),
        panic = text,
        "the hook that runs when a connection opens panicked"
    );
}

/// Drives a connection whose previous task is blocked.
struct Successor<T: Transport> {
    slot: Arc<Slot<T>>,
    driver: u64,
}

/// Starts the next driver of a connection, in a task of its own.
pub(super) fn go_on<T: Transport>(runtime: &Handle, slot: Arc<Slot<T>>, driver: u64) {
    // Spawned from outside of the runtime, which also wakes a worker that is asleep.
    runtime.spawn(Successor { slot, driver });
}

impl<T: Transport> Future for Successor<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.slot.note_polled(self.driver);
        match drive(&self.slot, self.driver, cx) {
            Driven::Pending => Poll::Pending,
            Driven::Ended(_) | Driven::Gone => Poll::Ready(()),
        }
    }
}

impl<T: Transport> Drop for Successor<T> {
    /// The runtime is shutting down.
    fn drop(&mut self) {
        self.slot.dismiss_driver(self.driver);
    }
}
