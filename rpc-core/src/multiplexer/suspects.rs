//! Errors without an id that one of several calls has provoked.

use std::collections::BTreeSet;

use crate::message::ErrorObject;

/// The calls that may have provoked errors without an id. While there are more calls than errors, it is
/// unknown which ones did. When the other calls have been answered, the remaining ones did.
#[derive(Default)]
pub(super) struct Suspects {
    ids: BTreeSet<u64>,
    errors: usize,
    /// The last of these errors.
    error: Option<ErrorObject>,
}

impl Suspects {
    /// Adds an error, with the calls that are awaited.
    pub(super) fn add(&mut self, error: &ErrorObject, ids: impl Iterator<Item = u64>) {
        self.ids.extend(ids);
        self.errors += 1;
        self.error = Some(error.clone());
    }

    /// A call has ended in another way.
    pub(super) fn clear_of(&mut self, id: u64) {
        // The usual case, for each reply.
        if !self.ids.is_empty() {
            self.ids.remove(&id);
        }
    }

    /// The calls that are now known to have provoked the errors, with the last error.
    pub(super) fn take_found(&mut self) -> Option<(ErrorObject, BTreeSet<u64>)> {
        if self.errors == 0 || self.ids.len() > self.errors {
            return None;
        }
        let found = std::mem::take(self);
        Some((found.error?, found.ids))
    }
}
