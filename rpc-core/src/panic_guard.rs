//! The guard around code of the application, whose panics end nothing but what ran.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::panic_text::panic_text;

/// What ran has panicked; the panic hook has told of it.
pub(crate) struct Panicked(String);

impl Panicked {
    /// What the panic said, for the log.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

/// Runs what is the application's, and lets no panic of it through.
#[inline]
pub(crate) fn guarded<R>(poll: impl FnOnce() -> R) -> Result<R, Panicked> {
    // What a panicking handler leaves half done is the user's; ours is the buffer, which is cut back.
    catch_unwind(AssertUnwindSafe(poll)).map_err(|payload: Box<dyn Any + Send>| {
        let text = panic_text(&*payload);
        // A payload that panics when it is dropped must not get through either.
        if let Err(nested) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(nested);
        }
        Panicked(text)
    })
}
