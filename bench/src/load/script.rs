//! The interface of a load's connections: what each of them sends, and the results so far.

use crate::load::histogram::Histogram;

/// The messages that a connection sends and expects.
pub(crate) trait Script {
    /// The subprotocol that the connection speaks, if any.
    fn subprotocol(&self) -> Option<&'static str> {
        None
    }

    /// Sends the first messages.
    fn begin(&mut self, turn: &mut Turn<'_>);

    /// Handles a message, and sends the following ones. An unexpected message is an error.
    fn hear(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Result<(), String>;
}

/// A turn of a connection: everything added to `out` is sent in one write.
pub(crate) struct Turn<'a> {
    pub(crate) out: &'a mut Vec<u8>,
    /// The time since the load began, in nanoseconds.
    pub(crate) now: u64,
    pub(crate) tally: &'a mut Tally,
}

/// The results of all connections of a load.
#[derive(Default)]
pub(crate) struct Tally {
    allowed: u64,
    begun: u64,
    done: u64,
    heard: u64,
    latency: Histogram,
}

impl Tally {
    /// Sets how many calls may begin in total.
    pub(crate) fn allow(&mut self, calls: u64) {
        self.allowed = calls;
    }

    /// Allows this many more calls to begin.
    pub(crate) fn allow_more(&mut self, calls: u64) {
        self.allowed = self.begun + calls;
    }

    /// Takes permission for this many calls; `false` if fewer are left.
    pub(crate) fn take(&mut self, calls: u64) -> bool {
        let may = self.begun.saturating_add(calls) <= self.allowed;
        if may {
            self.begun += calls;
        }
        may
    }

    /// Counts calls that were sent at `sent` and have ended.
    pub(crate) fn end(&mut self, calls: u64, sent: u64, now: u64) {
        self.done += calls;
        self.latency.record(now - sent);
    }

    /// Counts an expected message that is not a reply.
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

    /// Takes the measurements so far, for example to discard those of a warm-up.
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
