//! Pauses reading from a plain JSON-RPC peer while the maximum number or size of its calls waits
//! ([`crate::Config::pause_reading`]). Pure state: the connection's clock has its timer.

use std::time::Duration;

use tokio::time::Instant;

use super::instant::after;
use crate::config::Config;

/// Whether reading is paused.
pub(super) struct Pause {
    /// The maximum time of a pause.
    at_most: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    Paused {
        until: Instant,
    },
    /// The maximum time of a pause has elapsed. The next pause begins only after half of the waiting calls
    /// have started.
    Elapsed,
}

/// The calls of a peer that wait, compared with their limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backlog {
    /// At most half of a limit.
    Low,
    Some,
    /// The limit is reached.
    Full,
}

impl Backlog {
    /// The number and the size of the waiting calls, and the maximum of both.
    pub(super) fn of((calls, bytes): (usize, usize), (max_calls, max_bytes): (usize, usize)) -> Self {
        if calls <= max_calls / 2 && bytes <= max_bytes / 2 {
            Self::Low
        } else if calls >= max_calls || bytes >= max_bytes {
            Self::Full
        } else {
            Self::Some
        }
    }
}

impl Pause {
    /// `None` if reading is never paused. `speaks_birpc`: the peer has credit for notifications, and its
    /// calls are answered.
    pub(super) fn new(config: &Config, speaks_birpc: bool) -> Option<Box<Self>> {
        // A pong that was sent at the beginning of a pause is read in time.
        let new = || Box::new(Self { at_most: config.keepalive.timeout / 2, state: State::Reading });
        (config.pause_reading && !speaks_birpc).then(new)
    }

    /// Decides whether reading is paused now. `awaits_peer`: something on this side waits for the peer, whose
    /// answer must be read.
    pub(super) fn decide(
        &mut self,
        backlog: Backlog,
        awaits_peer: impl Fn() -> bool,
        now: impl FnOnce() -> Instant,
    ) -> bool {
        self.state = match (self.state, backlog) {
            (_, Backlog::Low) => State::Reading,
            (State::Reading, Backlog::Full) if !awaits_peer() => {
                State::Paused { until: after(now(), self.at_most) }
            }
            (State::Paused { .. }, _) if awaits_peer() => State::Reading,
            (state, _) => state,
        };
        self.until().is_some()
    }

    /// The latest time at which the current pause ends.
    pub(super) fn until(&self) -> Option<Instant> {
        match self.state {
            State::Paused { until } => Some(until),
            State::Reading | State::Elapsed => None,
        }
    }

    /// Ends the current pause, because its maximum time has elapsed.
    pub(super) fn elapse(&mut self) {
        if self.until().is_some() {
            self.state = State::Elapsed;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Keepalive;

    const AT_MOST: Duration = Duration::from_secs(5);

    fn pause() -> Box<Pause> {
        let keepalive = Keepalive::every(Duration::from_secs(1), AT_MOST * 2);
        Pause::new(&Config::default().keepalive(keepalive).pause_reading(true), false).expect("it is enabled")
    }

    #[test]
    fn what_waits_is_low_up_to_half_of_both_limits_and_full_at_either() {
        for (waiting, expected) in [
            ((0, 0), Backlog::Low),
            ((2, 50), Backlog::Low),
            ((3, 0), Backlog::Some),
            ((0, 51), Backlog::Some),
            ((3, 99), Backlog::Some),
            ((4, 0), Backlog::Full),
            ((0, 100), Backlog::Full),
            ((9, 900), Backlog::Full),
        ] {
            assert_eq!(Backlog::of(waiting, (4, 100)), expected, "{waiting:?}");
        }
        assert_eq!(Backlog::of((0, 0), (0, 0)), Backlog::Low, "nothing would ever end such a pause");
        assert_eq!(Backlog::of((1, 1), (1, 100)), Backlog::Full);
    }

    #[test]
    fn without_the_setting_and_with_peers_of_birpc_nothing_is_paused() {
        let config = Config::default().pause_reading(true);
        assert!(Pause::new(&Config::default(), false).is_none() && Pause::new(&config, true).is_none());
    }

    /// What happens to a connection.
    #[derive(Clone, Debug)]
    enum Step {
        Backlog(Backlog),
        Awaits(bool),
        Seconds(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let backlog = prop_oneof![Just(Backlog::Low), Just(Backlog::Some), Just(Backlog::Full)];
        prop_oneof![
            backlog.prop_map(Step::Backlog),
            any::<bool>().prop_map(Step::Awaits),
            (1..4_u64).prop_map(Step::Seconds),
        ]
    }

    proptest! {
        /// Reading is paused exactly from when the backlog is full until it is low, something awaits the
        /// peer, or the time has elapsed; and after the time not again before the backlog was low.
        #[test]
        fn a_pause_begins_and_ends_as_it_should(steps in prop::collection::vec(step(), 1..80)) {
            let (mut pause, begin) = (pause(), Instant::now());
            let (mut backlog, mut awaits, mut second) = (Backlog::Low, false, 0);
            let (mut since, mut elapsed) = (None::<u64>, false);
            for step in steps {
                match step {
                    Step::Backlog(now) => backlog = now,
                    Step::Awaits(now) => awaits = now,
                    Step::Seconds(seconds) => second += seconds,
                }
                let now = begin + Duration::from_secs(second);
                if pause.until().is_some_and(|until| until <= now) {
                    pause.elapse();
                }
                if since.is_some_and(|since| second >= since + AT_MOST.as_secs()) {
                    (since, elapsed) = (None, true);
                }
                if backlog == Backlog::Low {
                    (since, elapsed) = (None, false);
                } else if since.is_some() && awaits {
                    since = None;
                } else if since.is_none() && backlog == Backlog::Full && !awaits && !elapsed {
                    since = Some(second);
                }
                prop_assert_eq!(pause.decide(backlog, || awaits, || now), since.is_some());
                prop_assert!(since.is_none_or(|since| second < since + AT_MOST.as_secs()));
            }
        }
    }
}
