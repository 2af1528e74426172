//! Unusual values that the methods accept and return.

use serde::ser::{Error as _, SerializeStruct};
use serde::{Deserialize, Serialize, Serializer};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) x: i64,
    #[serde(default)]
    pub(crate) y: i64,
}

/// Fails when half of it is serialised.
#[derive(Deserialize)]
pub(crate) struct Broken;

impl Serialize for Broken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut half = serializer.serialize_struct("Broken", 2)?;
        half.serialize_field("half", "written")?;
        Err(S::Error::custom("an inner detail"))
    }
}

/// Panics when half of it is serialised.
#[derive(Deserialize)]
pub(crate) struct Explosive;

impl Serialize for Explosive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut half = serializer.serialize_struct("Explosive", 2)?;
        half.serialize_field("half", "written")?;
        panic!("an inner detail, while it is serialised")
    }
}

/// Panics when it is dropped.
pub(crate) struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("an inner detail, while it is dropped")
    }
}
