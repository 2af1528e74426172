//! The application's hook for messages that were lost.

use std::sync::{Arc, Mutex, PoisonError};

use crate::panic_guard::guarded;

type Hook = dyn Fn(&str) + Send + Sync;

/// What the application wants to run when messages to a group may have been lost.
#[derive(Default)]
pub(super) struct OnGap(Mutex<Option<Arc<Hook>>>);

impl OnGap {
    pub(super) fn set(&self, hook: impl Fn(&str) + Send + Sync + 'static) {
        let former = self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(Arc::new(hook));
        drop(former);
    }

    /// Tells the application of groups.
    pub(super) fn tell(&self, groups: &[Arc<str>]) {
        let hook = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(hook) = hook else { return };
        for group in groups {
            if let Err(panicked) = guarded(|| hook(group)) {
                tracing::error!(panic = panicked.text(), "the hook on_gap panicked");
            }
        }
    }
}
