//! The names of groups, users and presence keys.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use super::error::GroupError;

/// Maximum length of a name, in bytes of UTF-8.
const MAX_BYTES: usize = 256;

/// A valid name: 1 to 256 bytes. Names are compared byte by byte, without Unicode normalisation. A clone is
/// cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(Arc<str>);

impl Name {
    pub(crate) fn new(name: &str) -> Result<Self, GroupError> {
        match name.len() {
            1..=MAX_BYTES => Ok(Self(name.into())),
            bytes => Err(GroupError::Name { bytes }),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, which is shared.
    pub(crate) fn shared(&self) -> Arc<str> {
        self.0.clone()
    }
}

/// Maps are searched with a `&str`.
impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_256_bytes_and_may_have_any_characters() {
        assert_eq!(Name::new(""), Err(GroupError::Name { bytes: 0 }));
        assert_eq!(Name::new(&"x".repeat(257)), Err(GroupError::Name { bytes: 257 }));
        assert_eq!(Name::new(&"é".repeat(129)), Err(GroupError::Name { bytes: 258 }));
        for name in ["x", " ", "\0", "room 1.*>", "\u{202e}\u{feff}", "👩‍👩‍👧", &"é".repeat(128)]
        {
            assert_eq!(Name::new(name).map(|name| name.as_str().to_owned()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn names_that_look_alike_are_different() {
        assert_ne!(Name::new("\u{e9}"), Name::new("e\u{301}"));
        assert_ne!(Name::new("Room"), Name::new("room"));
    }
}
