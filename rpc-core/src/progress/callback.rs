//! A function of the application as the target of reports.

use std::sync::{Mutex, PoisonError};

use super::Target;

/// A function of the application. It is taken out while it runs, so that no lock is held. A report that it
/// makes itself is dropped.
pub(super) struct Callback<F>(Mutex<Option<F>>);

impl<F> Callback<F> {
    pub(super) fn new(hear: F) -> Self {
        Self(Mutex::new(Some(hear)))
    }

    fn replace(&self, hear: Option<F>) -> Option<F> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), hear)
    }
}

impl<T, F: FnMut(T) + Send> Target<T> for Callback<F> {
    fn report(&self, step: T) {
        if let Some(mut hear) = self.replace(None) {
            hear(step);
            self.replace(Some(hear));
        }
    }

    fn is_wanted(&self) -> bool {
        true
    }
}
