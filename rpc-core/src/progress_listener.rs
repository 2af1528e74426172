//! The listener for the progress of a call. It takes reports as text, so that code that passes them on does
//! not depend on their type.

use std::fmt;

/// Decodes reports and passes them to the application's function.
pub(crate) struct Listener(Box<Hear>);

type Hear = dyn FnMut(&[u8]) -> serde_json::Result<()> + Send;

impl Listener {
    /// Creates a listener. `hear` gets the text of each report, and returns an error if it does not decode.
    pub(crate) fn new(hear: impl FnMut(&[u8]) -> serde_json::Result<()> + Send + 'static) -> Self {
        Self(Box::new(hear))
    }

    /// Passes a report on. Returns an error if it does not decode.
    pub(crate) fn hear(&mut self, text: &[u8]) -> serde_json::Result<()> {
        (self.0)(text)
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}
