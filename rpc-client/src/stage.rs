//! The step that an attempt to connect is waiting for, reported when the attempt times out.

use std::sync::{Mutex, OnceLock, PoisonError};

/// The current step, in words, and the target of the attempt.
pub(crate) struct Stage {
    step: Mutex<String>,
    /// Set once the hook `before_attempt` has run.
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
