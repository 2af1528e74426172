//! Notifications of which only the newest waits ([`crate::Overflow::Latest`]).

use std::collections::HashMap;
use std::sync::Arc;

use super::first_poll::Unstarted;
use crate::multiplexer::IncomingCalls;
use crate::served_call::ServedCall;
use crate::shared_state::debug_dropped;

/// Where they wait, by their methods. A key may be out of date: its call has started, and another may have
/// it.
#[derive(Default)]
pub(super) struct Latest(HashMap<Arc<str>, usize>);

impl Latest {
    /// Drops the notification that waits and has the method of this one.
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

    /// Notes where a notification waits.
    pub(super) fn note_waiting(&mut self, call: &ServedCall, key: usize) {
        self.0.insert(call.method.clone(), key);
    }
}
