//! The timer of a connection: for keepalive, for a peer that does not read, and for a close.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep};

use super::half_message::HalfMessage;
use super::instant::{NEVER, after};
use super::keepalive::{Next, Pings};
use super::open_calls::LOOKS;
use crate::config::Config;
use crate::transport::Traffic;

/// A connection without traffic for this long is idle.
const IDLE_AFTER: Duration = Duration::from_secs(1);

pub(super) struct Clock {
    sleep: Pin<Box<Sleep>>,
    /// When the timer fires. It is only ever moved to an earlier time: firing too early costs one check, and
    /// moving the timer in each turn would cost more.
    armed: Instant,
    /// The task that the timer wakes, once it has been registered.
    wakes: Option<Waker>,
    pings: Pings,
    write_stall: Duration,
    traffic: Traffic,
    /// The incomplete message.
    half: HalfMessage,
    message_timeout: Duration,
    /// When open calls are checked next; set while there are any.
    look_at: Option<Instant>,
    look_every: Option<Duration>,
    /// Set while buffers may be larger than necessary: when the last byte was sent or received.
    grown: Option<Instant>,
    /// The second in which control frames are counted, and their number in it.
    control: (Instant, usize),
    max_control_rate: usize,
    /// Set while reading is paused: the latest time at which it continues.
    paused_until: Option<Instant>,
    /// Since when nothing has been sent although something waits, and how much had been sent then.
    stalled: Option<(Instant, u64)>,
    /// Since when the handlers of both sides may wait for each other, and a number that changes when one gets
    /// on.
    silenced: Option<(Instant, u64)>,
}

/// An event of the timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tick {
    Ping,
    /// The peer has been silent for too long: it is lost.
    Silent,
    /// An incomplete message has taken too long.
    HalfMessage,
    /// The peer does not read.
    Stalled,
    /// The handlers of both sides wait for each other.
    Circle,
    /// The maximum time of a pause of reading has elapsed.
    ReadOn,
    /// Open calls are to be checked.
    Look,
    /// There has been no traffic for a while, and buffers are large.
    Idle,
    /// The time for the close has elapsed.
    Close,
}

impl Clock {
    pub(super) fn new(config: &Config) -> Self {
        let now = Instant::now();
        let armed = after(now, NEVER);
        Self {
            sleep: Box::pin(tokio::time::sleep_until(armed)),
            armed,
            wakes: None,
            pings: Pings::new(config.keepalive.clone(), now),
            write_stall: config.limits.write_stall,
            traffic: Traffic::default(),
            half: HalfMessage::default(),
            message_timeout: config.limits.message_timeout,
            look_at: None,
            look_every: config.warn_open_after.map(|open| open / u32::from(LOOKS - 1)),
            grown: None,
            control: (now, 0),
            max_control_rate: config.limits.max_control_rate,
            paused_until: None,
            stalled: None,
            silenced: None,
        }
    }

    /// Records the traffic of this turn, and the size of the incomplete message.
    pub(super) fn observe(&mut self, traffic: Traffic, unfinished: u64, blocked: bool) {
        // While we cannot write, no ping is sent; whether the peer lives is then decided by `Stalled`.
        if traffic.received != self.traffic.received || blocked {
            let now = Instant::now();
            let is_life = self.half.observe(traffic.received, unfinished, now, self.pings.timeout());
            if is_life || blocked {
                self.pings.note_life(now);
            }
            if blocked {
                self.half.pause(now);
            }
        }
        if traffic != self.traffic && self.grown.is_some() {
            self.grown = Some(Instant::now());
        }
        self.traffic = traffic;
        match self.stalled {
            _ if !blocked => self.stalled = None,
            Some((_, sent)) if sent == traffic.sent => {}
            _ => self.stalled = Some((Instant::now(), traffic.sent)),
        }
    }

    /// Takes note of whether reading is paused. `until`: the latest time at which it continues.
    #[inline]
    pub(super) fn observe_pause(&mut self, until: Option<Instant>) {
        if until.is_some() || self.paused_until.is_some() {
            self.half.pause(Instant::now());
            self.paused_until = until;
        }
    }

    /// Takes note of whether handlers of both sides may wait for each other in this turn.
    #[inline]
    pub(super) fn observe_silenced(&mut self, mark: Option<u64>) {
        match (self.silenced, mark) {
            (Some((_, last)), Some(mark)) if last == mark => {}
            (_, mark) => self.silenced = mark.map(|mark| (Instant::now(), mark)),
        }
    }

    /// Returns the next event if it is due. Otherwise the task is woken when it is.
    pub(super) fn poll(&mut self, close: Option<Instant>, cx: &mut Context<'_>) -> Poll<Tick> {
        loop {
            let stalled = self.stalled.map(|(since, _)| (after(since, self.write_stall), Tick::Stalled));
            let grown = self.grown.map(|last| (after(last, IDLE_AFTER), Tick::Idle));
            let next = sooner(self.next_keepalive().or_else(|| self.half_message()), stalled);
            let next = sooner(next, grown);
            let circle = self.silenced.map(|(since, _)| (after(since, self.write_stall), Tick::Circle));
            let next = sooner(next, circle);
            let next = sooner(next, self.paused_until.map(|at| (at, Tick::ReadOn)));
            let next = sooner(next, self.look_at.map(|at| (at, Tick::Look)));
            let next = sooner(next, close.map(|at| (at, Tick::Close)));
            let Some((at, tick)) = next else { return Poll::Pending };
            let now = ready!(self.poll_until(at, cx));
            if at <= now {
                match tick {
                    Tick::Ping => self.pings.note_due(now),
                    Tick::Idle => self.grown = None,
                    Tick::Look => self.look_at = None,
                    Tick::ReadOn => self.paused_until = None,
                    _ => {}
                }
                return Poll::Ready(tick);
            }
        }
    }

    /// Records that calls are open, to check them later. The clock is read once for each check.
    pub(super) fn watch_open(&mut self) {
        if self.look_at.is_none()
            && let Some(every) = self.look_every
        {
            self.look_at = Some(after(Instant::now(), every));
        }
    }

    /// Records that buffers have grown, so that they can be shrunk later.
    pub(super) fn grown(&mut self) {
        self.grown.get_or_insert_with(Instant::now);
    }

    /// Counts a ping or pong; `false` if the peer sends too many.
    pub(super) fn control_frame(&mut self) -> bool {
        let now = Instant::now();
        if now.duration_since(self.control.0) >= Duration::from_secs(1) {
            self.control = (now, 0);
        }
        self.control.1 += 1;
        self.control.1 <= self.max_control_rate
    }

    /// The payload of the next ping.
    pub(super) fn ping(&mut self) -> Bytes {
        self.pings.ping()
    }

    /// The round-trip time of the last ping, if this is its pong.
    pub(super) fn round_trip(&mut self, pong: &[u8]) -> Option<Duration> {
        self.pings.round_trip(pong)
    }

    fn next_keepalive(&self) -> Option<(Instant, Tick)> {
        let (at, next) = self.pings.next()?;
        Some((at, if next == Next::Ping { Tick::Ping } else { Tick::Silent }))
    }

    /// Without keepalive: when the incomplete message will have taken too long.
    fn half_message(&self) -> Option<(Instant, Tick)> {
        Some((after(self.half.since()?, self.message_timeout), Tick::HalfMessage))
    }

    /// Ready when the timer fires, at the latest at `at`, possibly too early.
    pub(super) fn poll_until(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<Instant> {
        if at < self.armed {
            self.arm(at);
        }
        // This is called in each turn. Usually the timer has not fired and the task is registered.
        let told = self.wakes.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if told && !self.sleep.is_elapsed() {
            return Poll::Pending;
        }
        self.wakes = Some(cx.waker().clone());
        // Outside of the task's cooperative budget: when that is used up, a timer neither fires nor registers
        // the task, and a peer that sends without pause uses it up in each turn.
        ready!(pin!(unconstrained(self.sleep.as_mut())).poll(cx));
        let now = Instant::now();
        self.arm(after(now, NEVER));
        Poll::Ready(now)
    }

    fn arm(&mut self, at: Instant) {
        self.armed = at;
        self.wakes = None;
        self.sleep.as_mut().reset(at);
    }
}

fn sooner(one: Option<(Instant, Tick)>, other: Option<(Instant, Tick)>) -> Option<(Instant, Tick)> {
    match (one, other) {
        (Some(one), Some(other)) if other.0 < one.0 => Some(other),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
