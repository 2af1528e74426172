//! What goes wrong in an engine in memory.

/// What goes wrong, each in per cent of the messages to a server. Default: nothing.
///
/// ```
/// use birpc_cluster::{Faults, MemoryEngine};
///
/// MemoryEngine::new(7).set_faults(Faults::default().lost(5).delayed(10));
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "faults happen when an engine has them"]
pub struct Faults {
    pub(super) lost: u8,
    pub(super) doubled: u8,
    pub(super) delayed: u8,
    pub(super) late_subscriptions: u8,
}

impl Faults {
    /// Messages that are lost.
    pub const fn lost(mut self, per_cent: u8) -> Self {
        self.lost = per_cent;
        self
    }

    /// Messages that are delivered twice.
    pub const fn doubled(mut self, per_cent: u8) -> Self {
        self.doubled = per_cent;
        self
    }

    /// Messages that are delivered only after later ones.
    pub const fn delayed(mut self, per_cent: u8) -> Self {
        self.delayed = per_cent;
        self
    }

    /// Subscriptions that each other server knows of only when it hears something of the subscriber, as in an
    /// engine of several machines.
    pub const fn late_subscriptions(mut self, per_cent: u8) -> Self {
        self.late_subscriptions = per_cent;
        self
    }
}
