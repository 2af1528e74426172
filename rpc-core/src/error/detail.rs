//! A description of a local failure, with the error that caused it.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::message::EncodeError;
use crate::oneshot::BoxError;

/// Why a call failed on this side: a text, and the error that caused it, if there is one.
///
/// [`crate::CallError`] returns that error as its [`source`](Error::source), unless its own text already
/// contains the same text. [`ErrorDetail::downcast_ref`] looks for a type of error in the chain of sources:
///
/// ```
/// use birpc_core::CallError;
///
/// /// Whether a layer that logs to a file could not.
/// fn is_io(error: &CallError) -> bool {
///     matches!(error, CallError::Layer(detail) if detail.downcast_ref::<std::io::Error>().is_some())
/// }
/// # let _ = is_io;
/// ```
///
/// Two details are equal if their texts are equal.
#[derive(Clone)]
pub struct ErrorDetail {
    /// `None` if the text of the source is sufficient.
    text: Option<Cow<'static, str>>,
    source: Option<Arc<dyn Error + Send + Sync>>,
    /// Whether the text already contains that of the source.
    quotes: bool,
}

impl ErrorDetail {
    /// Creates a detail with a source.
    pub(crate) fn with_source(
        text: impl Into<Cow<'static, str>>,
        source: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self { text: Some(text.into()), source: Some(Arc::new(source)), quotes: false }
    }

    /// Creates a detail whose text already contains that of its source.
    pub(crate) fn quoting(
        text: impl Into<Cow<'static, str>>,
        source: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self { quotes: true, ..Self::with_source(text, source) }
    }

    /// The error that caused this, if there is one.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }

    /// The first error of type `E` in the chain of sources.
    #[must_use]
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        let mut next = self.source.as_deref().map(|source| source as &(dyn Error + 'static));
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    /// The text without that of the source.
    pub(crate) fn own_text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The source, unless the text already contains its text.
    pub(crate) fn unsaid_source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().filter(|_| !self.quotes).map(|source| source as _)
    }
}

impl From<&'static str> for ErrorDetail {
    fn from(text: &'static str) -> Self {
        Self { text: Some(text.into()), source: None, quotes: false }
    }
}

impl From<String> for ErrorDetail {
    fn from(text: String) -> Self {
        Self { text: Some(text.into()), source: None, quotes: false }
    }
}

impl From<BoxError> for ErrorDetail {
    fn from(error: BoxError) -> Self {
        Self { text: None, source: Some(error.into()), quotes: false }
    }
}

impl From<EncodeError> for ErrorDetail {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::Params(error) => Self::with_source("the params do not serialise", error),
            error => error.to_string().into(),
        }
    }
}

impl PartialEq for ErrorDetail {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for ErrorDetail {}

/// Prints the whole text, that of the source included.
impl fmt::Display for ErrorDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.text, &self.source) {
            (Some(text), Some(source)) if !self.quotes => write!(f, "{text}: {source}"),
            (Some(text), _) => f.write_str(text),
            (None, Some(source)) => source.fmt(f),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Debug for ErrorDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ErrorDetail");
        if let Some(text) = &self.text {
            debug.field("text", text);
        }
        if let Some(source) = &self.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}
