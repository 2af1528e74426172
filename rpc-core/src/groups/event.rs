//! What a watcher of a group's presence learns.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::error::GroupError;
use crate::message::raw_json;

/// Maximum size of a meta, in bytes of JSON.
const MAX_META: usize = 1024;

/// A change of a group's presence, as [`crate::Groups::presence`] tells it. A key is present while at least
/// one peer is tracked under it, and has one meta for each of these peers.
///
/// As JSON it is `{"state": {key: metas}}`, `{"joined": {"key": …, "metas": […]}}`, and the same with
/// `updated` and `left`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PresenceEvent {
    /// All keys that are present, with their metas; always the first event.
    State(BTreeMap<String, Vec<Meta>>),
    /// A key is present now.
    Joined {
        /// The key.
        key: String,
        /// All of its metas.
        metas: Vec<Meta>,
    },
    /// The metas of a key have changed.
    Updated {
        /// The key.
        key: String,
        /// All of its metas after the change.
        metas: Vec<Meta>,
    },
    /// A key is not present any more.
    Left {
        /// The key.
        key: String,
        /// Its metas: none.
        metas: Vec<Meta>,
    },
}

/// The data of one peer under a key of a group's presence: JSON of at most 1 KiB. A clone is cheap.
#[derive(Clone)]
pub struct Meta(Arc<RawValue>);

impl Meta {
    pub(super) fn new(meta: &impl Serialize) -> Result<Self, GroupError> {
        let json = raw_json(meta).map_err(|error| GroupError::Meta(error.to_string()))?;
        match json.get().len() {
            ..=MAX_META => Ok(Self(json.into())),
            bytes => Err(GroupError::MetaTooLarge { bytes, limit: MAX_META }),
        }
    }

    /// Whether another server may have sent it.
    pub(super) fn is_valid(&self) -> bool {
        self.0.get().len() <= MAX_META
    }

    /// The data as `T`; `None` if it is not a `T`.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.0.get()).ok()
    }

    /// The JSON text.
    #[must_use]
    pub fn json(&self) -> &RawValue {
        &self.0
    }
}

impl PartialEq for Meta {
    /// Compares the JSON texts.
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get())
    }
}

impl Serialize for Meta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Meta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|json| Self(json.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(json: &str) -> Meta {
        serde_json::from_str(json).expect("JSON")
    }

    #[test]
    fn events_are_written_with_their_kind_as_the_only_member_and_read_back() {
        let metas = vec![meta(r#"{"page": 1}"#), meta("null")];
        let key = String::from("ada");
        let cases = [
            (
                PresenceEvent::State([(key.clone(), metas.clone())].into()),
                r#"{"state":{"ada":[{"page": 1},null]}}"#,
            ),
            (
                PresenceEvent::Joined { key: key.clone(), metas: metas.clone() },
                r#"{"joined":{"key":"ada","metas":[{"page": 1},null]}}"#,
            ),
            (
                PresenceEvent::Updated { key: key.clone(), metas },
                r#"{"updated":{"key":"ada","metas":[{"page": 1},null]}}"#,
            ),
            (PresenceEvent::Left { key, metas: Vec::new() }, r#"{"left":{"key":"ada","metas":[]}}"#),
        ];
        for (event, json) in cases {
            assert_eq!(serde_json::to_string(&event).ok().as_deref(), Some(json));
            assert_eq!(serde_json::from_str::<PresenceEvent>(json).ok(), Some(event));
        }
    }

    #[test]
    fn a_meta_has_at_most_1_kib() {
        assert_eq!(Meta::new(&"x".repeat(1022)).map(|meta| meta.json().get().len()), Ok(1024));
        let too_large = GroupError::MetaTooLarge { bytes: 1025, limit: 1024 };
        assert_eq!(Meta::new(&"x".repeat(1023)).err(), Some(too_large));
        assert!(matches!(Meta::new(&f64::NAN), Err(GroupError::Meta(_))));
        assert_eq!(Meta::new(&[1, 2]).map(|meta| meta.get::<Vec<u8>>()), Ok(Some(vec![1, 2])));
        assert_eq!(meta("[1]").get::<String>(), None);
    }
}
