//! Drops older waiting notifications of a method in favour of the newest ([`crate::Overflow::Latest`]).

use std::collections::HashMap;
use std::sync::Arc;

use super::first_poll::Unstarted;
use crate::multiplexer::IncomingCalls;
use crate::served_call::ServedCall;
use crate::shared_state::debug_dropped;

/// The keys of waiting notifications, by method. A key may be out of date: its call has started, and another
/// call may have the key now.
#[derive(Default)]
pub(super) struct Latest(HashMap<Arc<str>, usize>);

impl Latest {
    /// Drops the waiting notification of the same method, if there is one.
    pub(super) fn drop_waiting(
        &mut self,
        call: &ServedCall,
        calls: &mut IncomingCalls<Arc<ServedCall>, Unstarted<'static>>,
    ) {
        let Some(key) = self.0.remove(&call.method) else { return };
        let is_it = |other: &Arc<ServedCall>| other.id.is_none() && other.method == call.method;
        if calls.waiting(key).is_some_and(is_it) {
            calls.finish(key, &[]);
            call.shared.gauges().count_dropped();
            debug_dropped(&call.shared, &call.method, &"a newer one replaces it");
        }
    }

    /// Records the key of a waiting notification.
    pub(super) fn note_waiting(&mut self, call: &ServedCall, key: usize) {
        self.0.insert(call.method.clone(), key);
    }
}
