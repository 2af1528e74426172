//! A value that all connections of a server share.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A value that all connections with one configuration share: all of a server, or all of a client that
/// reconnects. It is kept here since each connection has its configuration anyway, so it costs a connection
/// nothing. A clone of the configuration has a value of its own.
#[derive(Default)]
pub(crate) struct SharedValue(OnceLock<Arc<dyn Any + Send + Sync>>);

impl SharedValue {
    /// Returns the value, and creates it if there is none. `None` if it has another type.
    pub(crate) fn get_or_init<T: Any + Send + Sync>(
        &self,
        create: impl FnOnce() -> Arc<T>,
    ) -> Option<Arc<T>> {
        self.0.get_or_init(|| create()).clone().downcast().ok()
    }
}

impl Clone for SharedValue {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for SharedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedValue").field("is_set", &self.0.get().is_some()).finish()
    }
}
