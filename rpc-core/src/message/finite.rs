//! Serialises values, with an error for NaN and the infinities, which JSON cannot represent.
//!
//! serde_json writes null for them. At the peer that becomes `None` or an error, far from its cause.

use std::io;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::value::{RawValue, to_raw_value};

/// Returns a value's text, for layers.
pub(crate) fn raw_json<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Box<RawValue>> {
    to_raw_value(&Finite(value))
}

/// Appends the text of a value.
pub(super) fn write_json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> serde_json::Result<()> {
    serde_json::to_writer(Roomy(out), &Finite(value))
}

/// A writer that leaves room for the brace that closes the message. Without it, a large value that is written
/// in one piece would be copied once more.
struct Roomy<'a>(&'a mut Vec<u8>);

impl io::Write for Roomy<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.reserve(bytes.len() + 1);
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A value in which NaN and the infinities are errors.
struct Finite<'a, T: ?Sized>(&'a T);

/// A serializer, or one of a compound's parts, that checks all values.
struct Checked<S>(S);

impl<T: Serialize + ?Sized> Serialize for Finite<'_, T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Checked(serializer))
    }
}

#[cold]
fn not_finite<E: Error>(number: f64) -> E {
    E::custom(format_args!("JSON cannot represent {number}"))
}

/// Values that need no check.
macro_rules! plain {
    ($($name:ident($($arg:ident: $type:ty),*))*) => {$(
        #[inline]
        fn $name(self, $($arg: $type),*) -> Result<S::Ok, S::Error> {
            self.0.$name($($arg),*)
        }
    )*};
}

/// Compounds, whose parts are checked.
macro_rules! compound {
    ($($name:ident($($arg:ident: $type:ty),*) -> $compound:ident)*) => {$(
        #[inline]
        fn $name(self, $($arg: $type),*) -> Result<Self::$compound, S::Error> {
            self.0.$name($($arg),*).map(Checked)
        }
    )*};
}

impl<S: Serializer> Serializer for Checked<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Checked<S::SerializeSeq>;
    type SerializeTuple = Checked<S::SerializeTuple>;
    type SerializeTupleStruct = Checked<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Checked<S::SerializeTupleVariant>;
    type SerializeMap = Checked<S::SerializeMap>;
    type SerializeStruct = Checked<S::SerializeStruct>;
    type SerializeStructVariant = Checked<S::SerializeStructVariant>;

    plain! {
        serialize_bool(v: bool)
        serialize_i8(v: i8)
        serialize_i16(v: i16)
        serialize_i32(v: i32)
        serialize_i64(v: i64)
        serialize_i128(v: i128)
        serialize_u8(v: u8)
        serialize_u16(v: u16)
        serialize_u32(v: u32)
        serialize_u64(v: u64)
        serialize_u128(v: u128)
        serialize_char(v: char)
        serialize_str(v: &str)
        serialize_bytes(v: &[u8])
        serialize_none()
        serialize_unit()
        serialize_unit_struct(name: &'static str)
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str)
    }

    compound! {
        serialize_seq(len: Option<usize>) -> SerializeSeq
        serialize_tuple(len: usize) -> SerializeTuple
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeTupleVariant
        serialize_map(len: Option<usize>) -> SerializeMap
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeStructVariant
    }

    #[inline]
    fn serialize_f32(self, v: f32) -> Result<S::Ok, S::Error> {
        if v.is_finite() { self.0.serialize_f32(v) } else { Err(not_finite(v.into())) }
    }

    #[inline]
    fn serialize_f64(self, v: f64) -> Result<S::Ok, S::Error> {
        if v.is_finite() { self.0.serialize_f64(v) } else { Err(not_finite(v)) }
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_some(&Finite(value))
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_struct(name, &Finite(value))
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_variant(name, index, variant, &Finite(value))
    }

    #[inline]
    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// Compounds whose parts have no names.
macro_rules! elements {
    ($($trait:ident::$method:ident)*) => {$(
        impl<S: $trait> $trait for Checked<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                self.0.$method(&Finite(value))
            }

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        }
    )*};
}

elements! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

/// Compounds whose parts have names.
macro_rules! fields {
    ($($trait:ident)*) => {$(
        impl<S: $trait> $trait for Checked<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), S::Error> {
                self.0.serialize_field(key, &Finite(value))
            }

            #[inline]
            fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
                self.0.skip_field(key)
            }

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        }
    )*};
}

fields! { SerializeStruct SerializeStructVariant }

impl<S: SerializeMap> SerializeMap for Checked<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.0.serialize_key(key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.0.serialize_value(&Finite(value))
    }

    #[inline]
    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Serialize)]
    enum Shape {
        Unit,
        New(f64),
        Tuple(u8, f32),
        Struct { a: Option<f64>, b: BTreeMap<&'static str, Vec<f64>> },
    }

    #[test]
    fn values_are_written_as_serde_json_writes_them() {
        let raw = RawValue::from_string("[1.0,  1e400]".into()).expect("JSON");
        let shapes = |x: f64| {
            let of_struct = Shape::Struct { a: Some(x), b: BTreeMap::from([("c", vec![x])]) };
            (Shape::Unit, Shape::New(x), Shape::Tuple(1, x as f32), of_struct)
        };
        let value = (shapes(0.5), &raw, serde_json::json!({"a": [1, null, 2.5]}), 'x', (), [1_i128 << 100]);
        let text = serde_json::to_string(&Finite(&value)).expect("all are finite");
        assert_eq!(text, serde_json::to_string(&value).expect("JSON"));
    }

    #[test]
    fn what_json_cannot_hold_is_an_error_wherever_it_is() {
        let b = |number| BTreeMap::from([("c", vec![number])]);
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let values = [
                Shape::New(number),
                Shape::Tuple(1, number as f32),
                Shape::Struct { a: Some(number), b: b(1.0) },
                Shape::Struct { a: None, b: b(number) },
            ];
            for value in values {
                let error = serde_json::to_string(&Finite(&value)).expect_err("no number of JSON");
                assert!(error.to_string().starts_with("JSON cannot represent "), "{error}");
            }
        }
    }

    #[test]
    fn a_writer_that_is_used_in_parts_takes_each_as_a_whole() {
        use io::Write;

        let mut out = Vec::new();
        let mut writer = Roomy(&mut out);
        assert!(matches!(writer.write(b"abc"), Ok(3)));
        writer.write_all(b"de").expect("a vector takes all");
        assert_eq!(out, b"abcde");
    }
}
