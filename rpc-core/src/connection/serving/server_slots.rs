//! The slots that all connections of a server share, as one connection takes them.

use std::sync::Arc;

use crate::shared_state::SharedState;

pub(super) struct ServerSlots {
    shared: Arc<SharedState>,
    /// Whether calls of this connection wait for a slot.
    wanted: bool,
}

impl ServerSlots {
    pub(super) fn new(shared: Arc<SharedState>) -> Self {
        Self { shared, wanted: false }
    }

    /// Takes a slot, if one is free.
    #[inline]
    pub(super) fn take(&mut self) -> bool {
        self.wanted = !self.shared.server_limits().take_slot(&self.shared);
        !self.wanted
    }

    /// Records that no call waits for a slot. A slot that is reserved for this connection becomes available
    /// to the next one.
    pub(super) fn want_none(&mut self) {
        if std::mem::take(&mut self.wanted) {
            self.shared.server_limits().want_no_slot(self.shared.id());
        }
    }
}
