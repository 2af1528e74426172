//! What an attempt to connect is waiting for, told when its time is up.

use std::sync::{Mutex, OnceLock, PoisonError};

/// The step that is under way, in words, and where to the attempt goes.
pub(crate) struct Stage {
    step: Mutex<String>,
    /// Known once the hook before the attempt has run.
    target: OnceLock<String>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self { step: Mutex::new("nothing has begun".into()), target: OnceLock::new() }
    }

    pub(crate) fn set(&self, step: impl Into<String>) {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = step.into();
    }

    pub(crate) fn aim(&self, target: String) {
        let _ = self.target.set(target);
    }

    pub(crate) fn target(&self) -> Option<String> {
        self.target.get().cloned()
    }

    pub(crate) fn get(&self) -> String {
        self.step.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
