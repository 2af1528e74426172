//! What an attempt to connect is waiting for, told when its time is up.

use std::sync::{Mutex, PoisonError};

/// The step that is under way, in words.
pub(crate) struct Stage(Mutex<String>);

impl Stage {
    pub(crate) fn new() -> Self {
        Self(Mutex::new("nothing has begun".into()))
    }

    pub(crate) fn set(&self, step: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = step.into();
    }

    pub(crate) fn get(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
