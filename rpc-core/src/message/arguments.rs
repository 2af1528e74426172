//! Writes the parameters of a stub's method: a tuple by position or by name, without the values that are
//! `None`.

use serde::ser::{Serialize, SerializeMap, SerializeTuple, Serializer};

use super::absent::is_none;

/// A tuple that is written as an array, without trailing `None`s.
#[derive(Debug)]
pub struct Positional<P>(pub(crate) P);

impl<P: Arguments> Serialize for Positional<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.by_position(serializer)
    }
}

/// A tuple that is written as an object with these names, without the values that are `None`.
#[derive(Debug)]
pub struct Named<P>(pub &'static [&'static str], pub P);

impl<P: Arguments> Serialize for Named<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.1.by_name(self.0, false, &mut map)?;
        map.end()
    }
}

/// A tuple that is written as an object with these names, including values that are `None`: the fields of an
/// error.
#[derive(Debug)]
pub struct Fields<P>(pub &'static [&'static str], pub P);

impl<P: Arguments> Serialize for Fields<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.1.by_name(self.0, true, &mut map)?;
        map.end()
    }
}

/// A tuple whose elements can be written one by one.
pub trait Arguments {
    /// Writes an array, without trailing `None`s.
    ///
    /// # Errors
    /// The errors of the serializer.
    fn by_position<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Writes each element under its name. Elements that are `None` are written only if `nulls` is set.
    ///
    /// # Errors
    /// The errors of the serializer.
    fn by_name<M: SerializeMap>(
        &self,
        names: &'static [&'static str],
        nulls: bool,
        map: &mut M,
    ) -> Result<(), M::Error>;
}

/// What is sent for a parameter.
pub trait Argument {
    /// Whether it has a place in params.
    const HAS_PLACE: bool;

    /// Whether it may be left out.
    fn is_absent(&self) -> bool;

    /// Writes it by position.
    ///
    /// # Errors
    /// The errors of the serializer.
    fn add_to_tuple<S: SerializeTuple>(&self, tuple: &mut S) -> Result<(), S::Error>;

    /// Writes it by name.
    ///
    /// # Errors
    /// The errors of the serializer.
    fn add_to_map<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error>;
}

impl<T: Serialize> Argument for T {
    const HAS_PLACE: bool = true;

    #[inline]
    fn is_absent(&self) -> bool {
        is_none(self)
    }

    #[inline]
    fn add_to_tuple<S: SerializeTuple>(&self, tuple: &mut S) -> Result<(), S::Error> {
        tuple.serialize_element(self)
    }

    #[inline]
    fn add_to_map<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, self)
    }
}

/// What is sent for a parameter of type `Null`: null if the value is `None`.
#[derive(Debug)]
pub struct SentNull<T>(pub(crate) T);

impl<T: Argument> Argument for SentNull<T> {
    const HAS_PLACE: bool = T::HAS_PLACE;

    #[inline]
    fn is_absent(&self) -> bool {
        false
    }

    #[inline]
    fn add_to_tuple<S: SerializeTuple>(&self, tuple: &mut S) -> Result<(), S::Error> {
        self.0.add_to_tuple(tuple)
    }

    #[inline]
    fn add_to_map<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        self.0.add_to_map(name, map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["a", "b", "c"];

    fn json(value: &impl Serialize) -> String {
        serde_json::to_string(value).expect("JSON")
    }

    #[test]
    fn none_at_the_end_is_left_out_by_position() {
        const NONE: Option<u8> = None;
        assert_eq!(json(&Positional((NONE, 1, NONE))), "[null,1]");
        assert_eq!(json(&Positional((1, NONE, NONE))), "[1]");
        assert_eq!(json(&Positional((NONE, NONE))), "[]");
        assert_eq!(json(&Positional((1, NONE, SentNull(NONE)))), "[1,null,null]");
    }

    #[test]
    fn none_is_left_out_by_name() {
        assert_eq!(json(&Named(NAMES, (None::<u8>, 1, None::<u8>))), r#"{"b":1}"#);
        assert_eq!(json(&Named(NAMES, (SentNull(None::<u8>), 1, Some(2)))), r#"{"a":null,"b":1,"c":2}"#);
        assert_eq!(json(&Named(&[], ())), "{}");
        assert_eq!(json(&Fields(&["a", "b"], (None::<u8>, 1))), r#"{"a":null,"b":1}"#);
    }
}
