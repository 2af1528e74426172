//! An incomplete incoming message: whether the peer makes progress with it, and since when it has been
//! arriving.

use std::time::Duration;

use tokio::time::Instant;

/// This much of an unfinished message, received within the keepalive's timeout, is a sign of life.
const LIFE: u64 = 1 << 10;

/// The number of parts of that time in which bytes are counted separately.
const PARTS: usize = 4;

#[derive(Default)]
pub(super) struct HalfMessage {
    /// The bytes of complete messages and control frames.
    whole: u64,
    /// All bytes received.
    received: u64,
    /// When the first bytes of the message were seen; `None` if no message is incomplete.
    since: Option<Instant>,
    /// The bytes that arrived in the current part of the time and in the previous ones.
    counts: [u64; PARTS],
    /// When the current part began.
    part: Option<Instant>,
}

impl HalfMessage {
    /// Records the bytes so far; `true` if the new ones are a sign of life.
    pub(super) fn observe(
        &mut self,
        received: u64,
        unfinished: u64,
        now: Instant,
        timeout: Duration,
    ) -> bool {
        let new = received - self.received;
        self.received = received;
        let whole = received.saturating_sub(unfinished);
        let ended = whole > self.whole;
        self.whole = whole;
        if unfinished == 0 {
            self.since = None;
        } else if ended || self.since.is_none() {
            (self.since, self.part, self.counts) = (Some(now), Some(now), [0; PARTS]);
        }
        if ended || unfinished == 0 {
            return new > 0;
        }
        self.count(new, now, timeout / PARTS as u32);
        if self.counts.iter().sum::<u64>() < LIFE {
            return false;
        }
        self.counts = [0; PARTS];
        true
    }

    /// Since when a message has been incomplete.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Bytes that are not read because this side cannot write do not count as late.
    pub(super) fn pause(&mut self, now: Instant) {
        self.since = self.since.map(|_| now);
    }

    fn count(&mut self, new: u64, now: Instant, part: Duration) {
        let begun = self.part.get_or_insert(now);
        for _ in 0..PARTS {
            if now.duration_since(*begun) < part {
                break;
            }
            *begun += part;
            self.counts.rotate_right(1);
            self.counts[0] = 0;
        }
        // This was longer ago than all parts together, so all counts are zero by now.
        if now.duration_since(*begun) >= part {
            *begun = now;
        }
        self.counts[0] += new;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(20);

    /// Whether each piece of an unfinished message is a sign of life. A piece is a number of bytes, and the
    /// seconds since the previous piece.
    fn lives(pieces: &[(u64, u64)]) -> Vec<bool> {
        let (mut half, mut now, mut received) = (HalfMessage::default(), Instant::now(), 0);
        let life = |(bytes, seconds): &(u64, u64)| {
            now += Duration::from_secs(*seconds);
            received += bytes;
            half.observe(received, received, now, TIMEOUT)
        };
        pieces.iter().map(life).collect()
    }

    #[test]
    fn a_kibibyte_within_the_timeout_is_life() {
        assert_eq!(lives(&[(1024, 0), (1023, 5), (1, 9), (1024, 1000)]), [true, false, true, true]);
        assert_eq!(lives(&[(512, 0), (512, 14)]), [false, true]);
    }

    #[test]
    fn less_is_not_however_long_it_goes_on() {
        assert!(!lives(&[(1, 1); 3000]).contains(&true));
        assert!(!lives(&[(500, 11); 300]).contains(&true));
        assert!(!lives(&[(1023, 0), (1023, 21), (1023, 100)]).contains(&true));
    }

    #[test]
    fn what_is_whole_is_life_however_little_it_is() {
        let (mut half, now) = (HalfMessage::default(), Instant::now());
        assert!(half.observe(2, 0, now, TIMEOUT));
        assert!(!half.observe(3, 1, now, TIMEOUT));
        assert!(half.since().is_some());
        assert!(half.observe(8, 3, now, TIMEOUT), "one has ended, the next has begun");
        assert!(half.observe(9, 0, now, TIMEOUT) && half.since().is_none());
        assert!(!half.observe(9, 0, now, TIMEOUT), "nothing has come");
    }
}
