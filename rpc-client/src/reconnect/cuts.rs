//! Detects that a proxy or firewall cuts connections before keepalive could keep them open.

use std::time::Duration;

use birpc_core::{CloseReason, Initiator, Keepalive};

/// This many in a row are not a coincidence.
const TELLING: u8 = 3;

/// The number of consecutive connections that were cut before their first ping was due.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    in_a_row: u8,
    told: bool,
}

impl Cuts {
    /// Records the end of a connection. Returns the text of a warning, once in a client's life.
    pub(super) fn note(
        &mut self,
        reason: &CloseReason,
        lasted: Duration,
        keepalive: &Keepalive,
    ) -> Option<String> {
        let early = keepalive.interval.is_none_or(|interval| lasted < interval);
        if reason.initiator != Initiator::Network || !early {
            self.in_a_row = 0;
            return None;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        if self.in_a_row < TELLING || self.told {
            return None;
        }
        self.told = true;
        let keepalive = match keepalive.interval {
            Some(interval) => format!("the first ping of keepalive is due after {interval:?}"),
            None => "keepalive is off".into(),
        };
        Some(format!(
            "{TELLING} connections in a row were cut without a close frame, the last after {lasted:?}, and \
             {keepalive}: if a proxy cuts idle connections, set a shorter `ClientBuilder::keepalive`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use birpc_core::__private::crates::ReconnectDriver;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_warns_once_of_connections_that_are_cut_before_the_first_ping() {
        let (mut cuts, keepalive, cut) =
            (Cuts::default(), Keepalive::default(), ReconnectDriver::lost("cut"));
        let warnings: Vec<_> = (0..10).map(|_| cuts.note(&cut, 2 * SECOND, &keepalive).is_some()).collect();
        assert_eq!(warnings.iter().position(|warned| *warned), Some(2));
        assert_eq!(warnings.into_iter().filter(|warned| *warned).count(), 1);
    }

    #[test]
    fn it_names_keepalive() {
        for keepalive in [Keepalive::default(), Keepalive::off()] {
            let (mut cuts, cut) = (Cuts::default(), ReconnectDriver::lost("cut"));
            let text = (0..3).find_map(|_| cuts.note(&cut, 2 * SECOND, &keepalive)).expect("a warning");
            assert!(
                text.contains("keepalive is off") || text.contains("keepalive is due after 20s"),
                "{text}"
            );
        }
    }

    #[test]
    fn other_ends_are_no_cuts() {
        let (mut cuts, keepalive, cut) =
            (Cuts::default(), Keepalive::default(), ReconnectDriver::lost("cut"));
        let mut closed = cut.clone();
        (closed.code, closed.initiator) = (1001, Initiator::Remote);
        for _ in 0..5 {
            assert_eq!(cuts.note(&cut, SECOND, &keepalive), None);
            assert_eq!(cuts.note(&cut, SECOND, &keepalive), None);
            assert_eq!(cuts.note(&closed, SECOND, &keepalive), None);
            assert_eq!(cuts.note(&cut, 20 * SECOND, &keepalive), None);
        }
    }
}
