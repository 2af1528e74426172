//! The one timer of a connection: keepalive, a peer that does not read, a close that is due.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep};

use super::half_message::HalfMessage;
use super::open_calls::LOOKS;
use crate::config::{Config, Keepalive};
use crate::transport::Progress;

/// So long after the last byte a connection is at rest.
const IDLE_AFTER: Duration = Duration::from_secs(1);

/// Far enough to be never, near enough to be added to any instant.
const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

pub(super) struct Clock {
    sleep: Pin<Box<Sleep>>,
    /// When the timer fires. It is only ever moved to an earlier time; firing too early costs a look,
    /// moving it in every turn would cost more.
    armed: Instant,
    /// Whom the timer wakes, once it has been told.
    wakes: Option<Waker>,
    keepalive: Keepalive,
    write_stall: Duration,
    progress: Progress,
    /// The message that is half here.
    half: HalfMessage,
    message_timeout: Duration,
    last_received: Instant,
    /// When the calls that are open are looked at next, and how often; set while there are some.
    look_at: Option<Instant>,
    look_every: Option<Duration>,
    /// Set while buffers may be larger than they need be: when the last byte went, either way.
    grown: Option<Instant>,
    pinged: Option<Instant>,
    /// When the last ping went out that has no pong yet.
    awaits_pong: Option<Instant>,
    /// Pings so far; the number is their payload, so that their pongs are told from others.
    pings: u64,
    /// The second that control frames are counted in, and how many came in it.
    control: (Instant, usize),
    max_control_rate: usize,
    /// Since when nothing went out although something waits, and how much had gone out then.
    stalled: Option<(Instant, u64)>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tick {
    Ping,
    /// The peer has been silent for so long that it is lost.
    Silent,
    /// A message takes too long.
    HalfMessage,
    /// The peer reads nothing.
    Stalled,
    /// The calls that are open are to be looked at.
    Look,
    /// Nothing has come or gone for a while, and buffers are large.
    Idle,
    /// The connection should have closed by now.
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
            keepalive: config.keepalive.clone(),
            write_stall: config.limits.write_stall,
            progress: Progress::default(),
            half: HalfMessage::default(),
            message_timeout: config.limits.message_timeout,
            last_received: now,
            look_at: None,
            look_every: config.warn_open_after.map(|open| open / u32::from(LOOKS - 1)),
            grown: None,
            pinged: None,
            awaits_pong: None,
            pings: 0,
            control: (now, 0),
            max_control_rate: config.limits.max_control_rate,
            stalled: None,
        }
    }

    /// Takes note of what went over the wire in this turn, and of how much has come of a message that is half
    /// here.
    pub(super) fn observe(&mut self, progress: Progress, unfinished: u64, blocked: bool) {
        // While we cannot write, no ping goes out, and whether the peer lives is for the stall to tell.
        if progress.received != self.progress.received || blocked {
            let now = Instant::now();
            let is_life = self.half.observe(progress.received, unfinished, now, self.keepalive.timeout);
            if is_life || blocked {
                self.last_received = now;
                self.pinged = None;
            }
            if blocked {
                self.half.pause(now);
            }
        }
        if progress != self.progress && self.grown.is_some() {
            self.grown = Some(Instant::now());
        }
        self.progress = progress;
        match self.stalled {
            _ if !blocked => self.stalled = None,
            Some((_, sent)) if sent == progress.sent => {}
            _ => self.stalled = Some((Instant::now(), progress.sent)),
        }
    }

    /// The next thing that is due, if it is due now; else registers to be woken when it is.
    pub(super) fn poll(&mut self, close: Option<Instant>, cx: &mut Context<'_>) -> Poll<Tick> {
        loop {
            let stalled = self.stalled.map(|(since, _)| (after(since, self.write_stall), Tick::Stalled));
            let grown = self.grown.map(|last| (after(last, IDLE_AFTER), Tick::Idle));
            let next = sooner(self.next_keepalive().or_else(|| self.half_message()), stalled);
            let next = sooner(next, grown);
            let next = sooner(next, self.look_at.map(|at| (at, Tick::Look)));
            let next = sooner(next, close.map(|at| (at, Tick::Close)));
            let Some((at, tick)) = next else { return Poll::Pending };
            let now = ready!(self.poll_until(at, cx));
            if at <= now {
                match tick {
                    Tick::Ping => self.pinged = Some(now),
                    Tick::Idle => self.grown = None,
                    Tick::Look => self.look_at = None,
                    _ => {}
                }
                return Poll::Ready(tick);
            }
        }
    }

    /// Takes note that calls are open, to look at them later. The clock is read once for each look.
    pub(super) fn watch_open(&mut self) {
        if self.look_at.is_none()
            && let Some(every) = self.look_every
        {
            self.look_at = Some(after(Instant::now(), every));
        }
    }

    /// Takes note that buffers have grown, to be told when they can be given back.
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

    /// The payload of the ping that goes out now.
    pub(super) fn ping(&mut self) -> Bytes {
        self.awaits_pong = Some(Instant::now());
        self.pings += 1;
        Bytes::copy_from_slice(&self.pings.to_be_bytes())
    }

    /// The time that our last ping took to be answered, if this is its pong.
    pub(super) fn round_trip(&mut self, pong: &[u8]) -> Option<Duration> {
        self.awaits_pong.take_if(|_| pong == self.pings.to_be_bytes()).map(|ping| ping.elapsed())
    }

    fn next_keepalive(&self) -> Option<(Instant, Tick)> {
        let interval = self.keepalive.interval?;
        Some(match self.pinged {
            Some(pinged) => (after(pinged, self.keepalive.timeout), Tick::Silent),
            None => (after(self.last_received, interval), Tick::Ping),
        })
    }

    /// Without keepalive, when the message that is half here has taken too long.
    fn half_message(&self) -> Option<(Instant, Tick)> {
        Some((after(self.half.since()?, self.message_timeout), Tick::HalfMessage))
    }

    /// Ready with the time when the timer fires, at the latest at `at`, maybe too early.
    pub(super) fn poll_until(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<Instant> {
        if at < self.armed {
            self.arm(at);
        }
        // This is asked in each turn; mostly the timer has not fired, and knows the task.
        let told = self.wakes.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if told && !self.sleep.is_elapsed() {
            return Poll::Pending;
        }
        self.wakes = Some(cx.waker().clone());
        // Outside of the task's budget: a timer that is asked when that is spent neither fires nor remembers
        // whom to wake, and a peer that sends without end spends it in each turn.
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

/// `at + duration`, clamped: a duration of a user's may be anything.
pub(super) fn after(at: Instant, duration: Duration) -> Instant {
    at + duration.min(NEVER)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::task::consume_budget;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_timer_is_told_although_the_tasks_budget_is_spent() {
        let mut clock = Clock::new(&Config::default());
        let start = Instant::now();
        let at = start + Duration::from_secs(10);
        let mut spent = false;
        let fired = tokio::spawn(async move {
            poll_fn(|cx| {
                if !std::mem::replace(&mut spent, true) {
                    while pin!(consume_budget()).poll(cx).is_ready() {}
                }
                clock.poll_until(at, cx)
            })
            .await;
            start.elapsed()
        });
        let fired = tokio::time::timeout(Duration::from_secs(3600), fired).await;
        assert_eq!(fired.expect("it fires").expect("no panic").as_secs(), 10);
    }
}
