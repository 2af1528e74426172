//! What the connections of a load have in common: what each of them says, and what has come of it so far.

use crate::load::histogram::Histogram;

/// What one connection says, and what it must hear.
pub(crate) trait Script {
    /// Says what comes first.
    fn begin(&mut self, turn: &mut Turn<'_>);

    /// Hears one message, and says what follows from it. A message that must not have come is an error.
    fn hear(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Result<(), String>;
}

/// One turn of a connection: what it adds to `out` goes to the socket in one write.
pub(crate) struct Turn<'a> {
    pub(crate) out: &'a mut Vec<u8>,
    /// Nanoseconds since the load began.
    pub(crate) now: u64,
    pub(crate) tally: &'a mut Tally,
}

/// What all connections of a load have done.
#[derive(Default)]
pub(crate) struct Tally {
    allowed: u64,
    begun: u64,
    done: u64,
    heard: u64,
    latency: Histogram,
}

impl Tally {
    /// Lets calls begin until there have been so many.
    pub(crate) fn allow(&mut self, calls: u64) {
        self.allowed = calls;
    }

    /// Lets so many more begin.
    pub(crate) fn allow_more(&mut self, calls: u64) {
        self.allowed = self.begun + calls;
    }

    /// Whether so many calls may begin; if so, they have.
    pub(crate) fn take(&mut self, calls: u64) -> bool {
        let may = self.begun.saturating_add(calls) <= self.allowed;
        if may {
            self.begun += calls;
        }
        may
    }

    /// So many calls that began at `sent` have ended.
    pub(crate) fn end(&mut self, calls: u64, sent: u64, now: u64) {
        self.done += calls;
        self.latency.record(now - sent);
    }

    /// A message has come that nobody asked for, as it should.
    pub(crate) fn hear(&mut self) {
        self.heard += 1;
    }

    pub(crate) fn done(&self) -> u64 {
        self.done
    }

    pub(crate) fn heard(&self) -> u64 {
        self.heard
    }

    /// Whether every call that began has ended.
    pub(crate) fn at_rest(&self) -> bool {
        self.begun == self.done
    }

    /// Forgets what was measured, such as that of a warm-up.
    pub(crate) fn take_latency(&mut self) -> Histogram {
        std::mem::take(&mut self.latency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_calls_begin_than_are_allowed() {
        let mut tally = Tally::default();
        assert!(!tally.take(1));
        tally.allow(3);
        assert!(tally.take(2));
        assert!(!tally.take(2), "all of them or none");
        assert!(tally.take(1));
        tally.end(3, 10, 15);
        assert!(tally.at_rest());
        tally.allow_more(1);
        assert!(tally.take(1) && !tally.take(1) && !tally.at_rest());
        assert_eq!(tally.take_latency().quantile(1.0), 5);
        assert_eq!(tally.take_latency().quantile(1.0), 0);
    }
}
