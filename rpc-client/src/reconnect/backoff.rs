//! How long to wait before the next attempt.

use std::time::Duration;

use birpc_core::__private::crates::jitter;

/// A server that drains or restarts loses all of its clients at once: they come back over so long a time.
const SPREAD: Duration = Duration::from_secs(2);

/// What the bound begins with at least: zero would never double, and the client would try without a pause.
const LEAST: Duration = Duration::from_millis(1);

/// A connection that has lasted so long was a good one: the next outage is a new one.
const GOOD_LIFE: Duration = Duration::from_secs(5);

/// Capped and with full jitter: a random time from zero to a bound that doubles.
#[derive(Debug)]
pub(super) struct Backoff {
    initial: Duration,
    cap: Duration,
    /// Times that the bound has doubled.
    doubled: u32,
}

impl Backoff {
    pub(super) fn new(initial: Duration, cap: Duration) -> Self {
        Self { initial: initial.max(LEAST), cap: cap.max(LEAST), doubled: 0 }
    }

    /// The delay of the next attempt in an outage that has lasted so long. It is bound by that too: after a
    /// short outage nobody stays away for much longer than it took.
    pub(super) fn delay(&mut self, outage: Duration) -> Duration {
        let bound = self.bound().min(outage.max(self.initial));
        self.doubled = self.doubled.saturating_add(1);
        jitter(bound)
    }

    /// The delay of the first attempt after a server has sent its clients away.
    pub(super) fn spread(&mut self, outage: Duration) -> Duration {
        self.delay(outage).max(jitter(SPREAD))
    }

    /// Starts over if a connection has lasted.
    pub(super) fn note_life(&mut self, lasted: Duration) {
        if lasted >= GOOD_LIFE.min(self.cap) {
            self.start_over();
        }
    }

    pub(super) fn start_over(&mut self) {
        self.doubled = 0;
    }

    fn bound(&self) -> Duration {
        self.initial.saturating_mul(2_u32.saturating_pow(self.doubled)).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INITIAL: Duration = Duration::from_millis(250);
    const CAP: Duration = Duration::from_secs(30);
    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn the_bound_doubles_up_to_the_cap() {
        let mut backoff = Backoff::new(INITIAL, CAP);
        for expected in [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
            assert_eq!(backoff.bound(), Duration::from_millis(expected));
            assert!(backoff.delay(LONG) <= Duration::from_millis(expected));
        }
        backoff.doubled = u32::MAX;
        assert!(backoff.delay(LONG) <= CAP);
        assert_eq!(Backoff::new(CAP, INITIAL).bound(), INITIAL);
        let mut zero = Backoff::new(Duration::ZERO, CAP);
        zero.doubled = 14;
        assert!(zero.bound() > Duration::from_secs(16), "{:?}", zero.bound());
    }

    #[test]
    fn nobody_stays_away_for_longer_than_the_outage_has_lasted() {
        let mut backoff = Backoff::new(INITIAL, CAP);
        backoff.doubled = 100;
        let most =
            |backoff: &mut Backoff, outage| (0..1000).map(|_| backoff.delay(outage)).max().expect("delays");
        let outage = Duration::from_secs(5);
        assert!((outage / 2..=outage).contains(&most(&mut backoff, outage)));
        assert!((INITIAL / 2..=INITIAL).contains(&most(&mut backoff, Duration::ZERO)));
    }

    #[test]
    fn it_starts_over_only_after_a_connection_that_lasted() {
        let mut backoff = Backoff::new(INITIAL, CAP);
        backoff.delay(LONG);
        backoff.note_life(GOOD_LIFE - Duration::from_nanos(1));
        assert_eq!(backoff.bound(), INITIAL * 2);
        backoff.note_life(GOOD_LIFE);
        assert_eq!(backoff.bound(), INITIAL);

        let mut brisk = Backoff::new(INITIAL, INITIAL * 2);
        brisk.delay(LONG);
        brisk.note_life(INITIAL * 2);
        assert_eq!(brisk.bound(), INITIAL);
    }

    #[test]
    fn who_was_sent_away_comes_back_over_two_seconds() {
        let mut halves = [0, 0];
        for _ in 0..1000 {
            let delay = Backoff::new(INITIAL, CAP).spread(Duration::ZERO);
            assert!(delay <= SPREAD);
            halves[usize::from(delay > SPREAD / 2)] += 1;
        }
        // A half that is never met in 1000 draws has a chance of 2^-1000.
        assert!(halves.into_iter().all(|count| count > 0), "{halves:?}");
    }
}
