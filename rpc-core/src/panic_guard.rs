//! The guard around code of the application: a panic ends only the code that panicked.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::panic_text::panic_text;

/// Code of the application has panicked. The panic hook has already reported it.
pub(crate) struct Panicked(String);

impl Panicked {
    /// The panic's text, for the log.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

/// Runs code of the application and catches its panics.
#[inline]
pub(crate) fn guarded<R>(poll: impl FnOnce() -> R) -> Result<R, Panicked> {
    // The state that a panicking handler leaves behind is the application's. Of ours it touches only the
    // buffer, which is cut back.
    catch_unwind(AssertUnwindSafe(poll)).map_err(|payload: Box<dyn Any + Send>| {
        let text = panic_text(&*payload);
        // The payload's destructor may panic too.
        if let Err(nested) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(nested);
        }
        Panicked(text)
    })
}
