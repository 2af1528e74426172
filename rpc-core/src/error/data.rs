//! Conversion between derived error types and the `data` of error objects.

use serde::de::value::{Error, SeqDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::wire_types::OnWire;
use crate::message::{ErrorObject, Params};

/// The error object of a derived error without fields.
pub fn error(code: i64, message: String) -> ErrorObject {
    ErrorObject::new(code, message)
}

/// The error object of a derived error with fields.
pub fn error_with<D: Serialize>(code: i64, message: String, data: &D) -> ErrorObject {
    ErrorObject::new(code, message).with_data(data)
}

/// Decodes the fields of a derived error whose fields have no names.
pub fn error_data<D: DeserializeOwned>(error: &ErrorObject) -> Option<D> {
    match some_data(error) {
        Some(data) => serde_json::from_str(data).ok(),
        None => D::deserialize(Nothing).ok(),
    }
}

/// The only field of a derived error.
pub fn error_only<T: OnWire>(error: &ErrorObject) -> Option<T> {
    error_data(error)
}

/// Decodes the fields of a derived error by their names.
pub fn error_fields<P: Params>(error: &ErrorObject, names: &'static [&'static str]) -> Option<P> {
    P::decode(some_data(error), names).ok()
}

/// The text of `data`. Some peers leave out empty data and some send null, so both count as none.
fn some_data(error: &ErrorObject) -> Option<&str> {
    error.raw_data().map(RawValue::get).filter(|data| *data != "null")
}

/// Deserialises missing data: into an `Option`, `()`, or a tuple of these.
#[derive(Clone, Copy)]
struct Nothing;

impl<'de> Deserializer<'de> for Nothing {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(SeqDeserializer::new(std::iter::repeat_n(self, len)))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq
        tuple_struct map struct enum identifier ignored_any
    }
}

impl IntoDeserializer<'_> for Nothing {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_and_null_data_are_the_same() {
        for data in [None, Some(())] {
            let error = ErrorObject::new(1, "");
            let error = if let Some(null) = data { error.with_data(&null) } else { error };
            assert_eq!(error_data::<Option<u8>>(&error), Some(None));
            assert_eq!(error_data::<()>(&error), Some(()));
            assert_eq!(error_data::<(Option<u8>, ())>(&error), Some((None, ())));
            assert_eq!(error_data::<(Option<u8>, u8)>(&error), None);
            assert_eq!(error_data::<u8>(&error), None);
            assert_eq!(error_data::<serde_json::Value>(&error), Some(serde_json::Value::Null));
            assert_eq!(error_fields::<(Option<u8>, Option<u8>)>(&error, &["a", "b"]), Some((None, None)));
        }
    }
}
