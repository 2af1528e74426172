//! The params of a call that passes through layers: one text, which all of them share.

use std::sync::{Arc, OnceLock};

use serde_json::value::RawValue;

/// Params that layers pass on. The text is neither copied nor checked again, however many layers there are.
/// Only if a layer asks for a [`RawValue`] is one made, once for all layers.
#[derive(Clone, Debug)]
pub(crate) struct SharedParams(Arc<Text>);

#[derive(Debug)]
struct Text {
    /// Empty if the raw value came first.
    text: Box<str>,
    /// The inner value is `None` if the text turned out not to be JSON.
    raw: OnceLock<Option<Box<RawValue>>>,
}

impl SharedParams {
    /// Params that arrived in a message: text that is JSON.
    pub(crate) fn of_text(text: &str) -> Self {
        Self(Arc::new(Text { text: text.into(), raw: OnceLock::new() }))
    }

    pub(crate) fn of_raw(raw: Box<RawValue>) -> Self {
        Self(Arc::new(Text { text: Box::default(), raw: OnceLock::from(Some(raw)) }))
    }

    pub(crate) fn as_str(&self) -> &str {
        match self.0.raw.get() {
            Some(Some(raw)) => raw.get(),
            Some(None) | None => &self.0.text,
        }
    }

    /// Only serde_json can create a raw value, and it checks the text itself.
    pub(crate) fn as_raw(&self) -> Option<&RawValue> {
        let Text { text, raw } = &*self.0;
        raw.get_or_init(|| RawValue::from_string(text.to_string()).ok()).as_deref()
    }
}

/// The params of a call that is about to be served: a part of its message, or as a layer passes them on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum IncomingParams<'a> {
    Text(Option<&'a str>),
    Shared(&'a SharedParams),
}

impl<'a> IncomingParams<'a> {
    pub(crate) fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => text,
            Self::Shared(shared) => Some(shared.as_str()),
        }
    }

    /// Params that outlive their message.
    pub(crate) fn to_shared(self) -> Option<SharedParams> {
        match self {
            Self::Text(text) => text.map(SharedParams::of_text),
            Self::Shared(shared) => Some(shared.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_shared_and_made_a_raw_value_once() {
        let first = IncomingParams::Text(Some("[1, 2]")).to_shared().expect("params");
        let second = IncomingParams::Shared(&first).to_shared().expect("params");
        assert!(std::ptr::eq(first.as_str(), second.as_str()));
        let (one, other) = (first.as_raw().expect("JSON"), second.as_raw().expect("JSON"));
        assert!(std::ptr::eq(one, other) && one.get() == "[1, 2]");
        assert!(std::ptr::eq(second.as_str(), one.get()));
        assert!(IncomingParams::Text(None).to_shared().is_none());
    }
}
