//! The delay before an attempt to reconnect.

use std::time::Duration;

use birpc_core::__private::crates::jitter;

/// A server that shuts down or restarts loses all clients at once. They reconnect spread over this time.
const SPREAD: Duration = Duration::from_secs(2);

/// The smallest initial bound. Zero would never double, so the client would retry without a pause.
const LEAST: Duration = Duration::from_millis(1);

/// After a connection of this length the backoff starts over.
const GOOD_LIFE: Duration = Duration::from_secs(5);

/// Exponential backoff with a cap and full jitter: a random delay from zero to a bound that doubles.
#[derive(Debug)]
pub(super) struct Backoff {
    initial: Duration,
    cap: Duration,
    /// How often the bound has doubled.
    doubled: u32,
}

impl Backoff {
    pub(super) fn new(initial: Duration, cap: Duration) -> Self {
        Self { initial: initial.max(LEAST), cap: cap.max(LEAST), doubled: 0 }
    }

    /// The delay of the next attempt, in an outage that has lasted for `outage`. That time is a bound too, so
    /// that after a short outage no client stays away much longer than the outage lasted.
    pub(super) fn delay(&mut self, outage: Duration) -> Duration {
        let bound = self.bound().min(outage.max(self.initial));
        self.doubled = self.doubled.saturating_add(1);
        jitter(bound)
    }

    /// The delay of the first attempt after the server has closed because it shuts down or restarts.
    pub(super) fn spread(&mut self, outage: Duration) -> Duration {
        self.delay(outage).max(jitter(SPREAD))
    }

    /// Starts over if the connection lasted long enough.
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
        // A half is missed in 1000 draws with a probability of 2^-1000.
        assert!(halves.into_iter().all(|count| count > 0), "{halves:?}");
    }
}
