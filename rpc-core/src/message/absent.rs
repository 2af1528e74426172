//! Missing values: which values are left out of a message, and which values stand for a member that was left
//! out.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Visitor, value::Error as PlainError};
use serde::forward_to_deserialize_any;
use serde::ser::{Error, Impossible, Serialize, Serializer};

/// Whether a value serialises as `None`. A newtype around an `Option` does so only if serde treats it as
/// transparent.
pub(super) fn is_none<T: Serialize + ?Sized>(value: &T) -> bool {
    value.serialize(Probe).is_ok()
}

/// A parameter that is sent as null if it is `None`, instead of being left out.
#[derive(Debug)]
pub struct Null<T>(pub T);

/// A parameter with a default: `None` if the parameter is missing. A parameter that is null is not missing.
#[derive(Debug)]
pub struct Given<T>(pub(crate) Option<T>);

/// What is received for a [`Given`].
#[derive(Debug)]
pub struct GivenWire<T>(pub(crate) Option<T>);

/// The name by which the deserializer of missing values recognises [`GivenWire`].
const GIVEN: &str = "$birpc::Given";

impl<T> Given<T> {
    /// Returns the value that was sent, or the default.
    pub fn or(self, default: impl FnOnce() -> T) -> T {
        self.0.unwrap_or_else(default)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for GivenWire<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(GIVEN, GivenVisitor(PhantomData))
    }
}

struct GivenVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for GivenVisitor<T> {
    type Value = GivenWire<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a parameter")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<GivenWire<T>, D::Error> {
        T::deserialize(deserializer).map(|value| GivenWire(Some(value)))
    }

    /// Only the deserializer of missing values calls this.
    fn visit_none<E>(self) -> Result<GivenWire<T>, E> {
        Ok(GivenWire(None))
    }
}

/// The deserializer of a missing value: an `Option` becomes `None`, a unit itself, and anything else an
/// error.
pub(super) struct Missing;

impl<'de> Deserializer<'de> for Missing {
    type Error = PlainError;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, PlainError> {
        Err(serde::de::Error::custom("missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PlainError> {
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PlainError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, PlainError> {
        if name == GIVEN { visitor.visit_none() } else { self.deserialize_any(visitor) }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A serializer that succeeds for `None`, and fails for anything else without serialising its contents.
struct Probe;

#[derive(Debug)]
struct NotNone;

impl fmt::Display for NotNone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is there")
    }
}

impl std::error::Error for NotNone {}

impl Error for NotNone {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

macro_rules! not_none {
    ($($method:ident($($ty:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $(_: $ty),*) -> Result<$ok, NotNone> {
            Err(NotNone)
        }
    )*};
}

impl Serializer for Probe {
    type Ok = ();
    type Error = NotNone;
    type SerializeSeq = Impossible<(), NotNone>;
    type SerializeTuple = Impossible<(), NotNone>;
    type SerializeTupleStruct = Impossible<(), NotNone>;
    type SerializeTupleVariant = Impossible<(), NotNone>;
    type SerializeMap = Impossible<(), NotNone>;
    type SerializeStruct = Impossible<(), NotNone>;
    type SerializeStructVariant = Impossible<(), NotNone>;

    fn serialize_none(self) -> Result<(), NotNone> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), NotNone> {
        Err(NotNone)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<(), NotNone> {
        Err(NotNone)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), NotNone> {
        Err(NotNone)
    }

    /// Fails without formatting the value, which the provided method would do.
    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<(), NotNone> {
        Err(NotNone)
    }

    not_none! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_i128(i128) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_u128(u128) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_str(&str) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_seq(Option<usize>) -> Impossible<(), NotNone>;
        serialize_tuple(usize) -> Impossible<(), NotNone>;
        serialize_tuple_struct(&'static str, usize) -> Impossible<(), NotNone>;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Impossible<(), NotNone>;
        serialize_map(Option<usize>) -> Impossible<(), NotNone>;
        serialize_struct(&'static str, usize) -> Impossible<(), NotNone>;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Impossible<(), NotNone>;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_none_is_absent() {
        assert!(is_none(&None::<u8>) && is_none(&&None::<()>));
        assert!(!is_none(&Some(None::<u8>)));
        assert!(!is_none(&()) && !is_none(&f64::NAN) && !is_none(&serde_json::Value::Null));
        let newtype = Ok::<_, u8>(1);
        assert!(!is_none(&newtype) && !is_none(&std::num::Wrapping(1)));
        assert!(!is_none("") && !is_none(&[0; 0]) && !is_none(&std::net::Ipv4Addr::LOCALHOST));
        let mut object = serde_json::Map::new();
        object.insert("a".into(), serde_json::Value::Null);
        assert!(!is_none(&object));
    }
}
