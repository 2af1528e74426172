//! What hears of the progress of a call: the texts of reports, whatever their type.

use std::fmt;

/// Takes the texts of reports.
pub(crate) struct Listener(Box<Hear>);

type Hear = dyn FnMut(&[u8]) -> bool + Send;

impl Listener {
    /// `hear` returns `false` for a report of another type.
    pub(crate) fn new(hear: impl FnMut(&[u8]) -> bool + Send + 'static) -> Self {
        Self(Box::new(hear))
    }

    /// Passes a report on; `false` if it is of another type.
    pub(crate) fn hear(&mut self, text: &[u8]) -> bool {
        (self.0)(text)
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}
