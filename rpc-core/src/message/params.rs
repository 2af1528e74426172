//! Params by position, by name and single, decoded straight into a tuple of the method's parameters.

use std::{fmt, marker::PhantomData};

use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess,
    SeqAccess, Visitor, value::Error as PlainError,
};
use serde::forward_to_deserialize_any;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::members::string;

/// Why params did not decode: the parameter, if it is one, and the reason. Never the value that was sent:
/// an error reply does not echo its request.
#[derive(Debug)]
pub struct ParamsError(String);

impl fmt::Display for ParamsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<serde_json::Error> for ParamsError {
    fn from(error: serde_json::Error) -> Self {
        Self(without_value(&error.to_string()))
    }
}

/// A tuple of a method's parameters, or [`Single`]. Its users are generated code and the core.
pub trait Params: Sized + Send {
    /// Decodes the text of params, by position from an array and by name from an object.
    ///
    /// # Errors
    /// Says which parameter does not decode and why, or how many there should be.
    fn decode(params: Option<&str>, names: &'static [&'static str]) -> Result<Self, ParamsError>;
}

/// The one parameter that is the whole params object (or array), as LSP and MCP have it.
#[derive(Debug)]
pub struct Single<T>(pub T);

impl<T: DeserializeOwned + Send> Params for Single<T> {
    fn decode(params: Option<&str>, _names: &'static [&'static str]) -> Result<Self, ParamsError> {
        let error = match params.map(serde_json::from_str) {
            Some(Ok(given)) => return Ok(Self(given)),
            Some(Err(error)) => ParamsError::from(error),
            None => ParamsError("`params` is missing".into()),
        };
        if !params.is_none_or(is_nothing) {
            return Err(error);
        }
        let given = T::deserialize(Missing).ok();
        // A struct whose fields may all be missing; a list, which may be empty.
        let given = given.or_else(|| serde_json::from_str("{}").or_else(|_| serde_json::from_str("[]")).ok());
        given.map(Self).ok_or(error)
    }
}

/// Whether params are what callers send where there is nothing to send.
fn is_nothing(params: &str) -> bool {
    let longest = "[null]".len();
    let text: String = params.chars().filter(|char| !char.is_ascii_whitespace()).take(longest + 1).collect();
    matches!(&*text, "[]" | "{}" | "[null]")
}

/// A tuple that is written as an object with these names.
#[derive(Debug)]
pub struct Named<P>(pub &'static [&'static str], pub P);

impl<P: NamedMembers> Serialize for Named<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.1.write(self.0, &mut map)?;
        map.end()
    }
}

/// A tuple whose elements can be written as members.
pub trait NamedMembers {
    /// Writes each element under its name.
    ///
    /// # Errors
    /// Those of the serializer.
    fn write<M: SerializeMap>(&self, names: &'static [&'static str], map: &mut M) -> Result<(), M::Error>;
}

/// The seed of a tuple: which names its elements have, and its type.
struct Tuple<P> {
    names: &'static [&'static str],
    tuple: PhantomData<P>,
}

impl<P> Tuple<P> {
    fn of(names: &'static [&'static str]) -> Self {
        Self { names, tuple: PhantomData }
    }
}

fn decode_tuple<'de, P>(params: Option<&'de str>, names: &'static [&'static str]) -> Result<P, ParamsError>
where
    Tuple<P>: Visitor<'de, Value = P>,
{
    let mut deserializer = serde_json::Deserializer::from_str(params.unwrap_or("[]"));
    Ok(deserializer.deserialize_any(Tuple::of(names))?)
}

macro_rules! tuples {
    ($($count:literal: $($T:ident $t:ident $index:tt)*;)*) => {$(
        impl<$($T: DeserializeOwned + Send),*> Params for ($($T,)*) {
            fn decode(params: Option<&str>, names: &'static [&'static str]) -> Result<Self, ParamsError> {
                decode_tuple(params, names)
            }
        }

        impl<'de, $($T: DeserializeOwned),*> Visitor<'de> for Tuple<($($T,)*)> {
            type Value = ($($T,)*);

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("params")
            }

            #[allow(unused_mut, unused_variables)] // for the tuple of none
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                $(let $t = next(&mut seq, self.names, $index)?;)*
                end(seq, $count)?;
                Ok(($($t,)*))
            }

            #[allow(unused_variables)] // for the tuple of none
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                $(let mut $t = None;)*
                while let Some(index) = map.next_key_seed(IndexOf(self.names))? {
                    match index {
                        $(Some($index) => member(&mut map, &mut $t, self.names, $index)?,)*
                        // Unknown names are left alone, so that a newer caller can talk to an older peer.
                        _ => { map.next_value::<IgnoredAny>()?; }
                    }
                }
                Ok(($(match $t {
                    Some(value) => value,
                    None => missing(self.names, $index)?,
                },)*))
            }
        }

        impl<$($T: Serialize),*> NamedMembers for ($($T,)*) {
            #[allow(unused_variables)] // for the tuple of none
            fn write<M: SerializeMap>(&self, names: &'static [&'static str], map: &mut M) -> Result<(), M::Error> {
                $(map.serialize_entry(names[$index], &self.$index)?;)*
                Ok(())
            }
        }
    )*};
}

tuples! {
    0:;
    1: T0 t0 0;
    2: T0 t0 0 T1 t1 1;
    3: T0 t0 0 T1 t1 1 T2 t2 2;
    4: T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3;
    5: T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4;
    6: T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5;
    7: T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6;
    8: T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7;
    9: T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7 T8 t8 8;
    10: T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7 T8 t8 8 T9 t9 9;
    11: T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7 T8 t8 8 T9 t9 9 T10 t10 10;
    12: T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7 T8 t8 8 T9 t9 9 T10 t10 10 T11 t11 11;
    13: T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7 T8 t8 8 T9 t9 9 T10 t10 10 T11 t11 11 T12 t12 12;
    14: T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7 T8 t8 8 T9 t9 9 T10 t10 10 T11 t11 11 T12 t12 12 T13 t13 13;
    15: T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7 T8 t8 8 T9 t9 9 T10 t10 10 T11 t11 11 T12 t12 12 T13 t13 13 T14 t14 14;
    16: T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7 T8 t8 8 T9 t9 9 T10 t10 10 T11 t11 11 T12 t12 12 T13 t13 13 T14 t14 14 T15 t15 15;
}

fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(
    seq: &mut A,
    names: &[&str],
    index: usize,
) -> Result<T, A::Error> {
    match seq.next_element() {
        Ok(Some(value)) => Ok(value),
        Ok(None) => missing(names, index),
        Err(error) => Err(about(names, index, &error)),
    }
}

fn member<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    map: &mut A,
    slot: &mut Option<T>,
    names: &[&str],
    index: usize,
) -> Result<(), A::Error> {
    let value = map.next_value().map_err(|error| about::<A::Error>(names, index, &error))?;
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(about(names, index, &"it occurs twice")),
    }
}

/// A parameter that is not there: `None` where it may be missing.
fn missing<'de, T: Deserialize<'de>, E: serde::de::Error>(names: &[&str], index: usize) -> Result<T, E> {
    T::deserialize(Missing).map_err(|_| about(names, index, &"it is missing"))
}

fn end<'de, A: SeqAccess<'de>>(mut seq: A, count: usize) -> Result<(), A::Error> {
    // Nulls behind the last parameter stand for nothing.
    let (mut got, mut given) = (count, count);
    while let Some(further) = seq.next_element::<Option<IgnoredAny>>()? {
        got += 1;
        given = if further.is_some() { got } else { given };
    }
    if given == count {
        Ok(())
    } else {
        Err(A::Error::custom(format_args!("takes {count} params, got {got}")))
    }
}

fn about<E: serde::de::Error>(names: &[&str], index: usize, why: &dyn fmt::Display) -> E {
    let name = names.get(index).copied().unwrap_or("?");
    E::custom(format_args!("parameter `{name}`: {}", without_value(&why.to_string())))
}

/// serde's messages quote the value that they did not like and then say what they expected; only the
/// latter goes back.
pub(crate) fn without_value(message: &str) -> String {
    const EXPECTED: [&str; 2] = [", expected ", ", there are no "];
    const PARAMETER: &str = "parameter `";
    // The position counts within `params`, which nobody but serde knows.
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    // The last, since the value may hold such words too.
    match EXPECTED.into_iter().filter_map(|words| message.rfind(words)).max() {
        Some(at) if !message.starts_with(PARAMETER) => message[at + 2..].to_owned(),
        _ => message.to_owned(),
    }
}

/// A member's name to its parameter's place.
struct IndexOf(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for IndexOf {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        // Raw, since a name that is no `str` is unknown like others that are.
        let name = <&RawValue>::deserialize(deserializer)?;
        let name = string(name.get());
        Ok(self.0.iter().position(|known| name.as_deref() == Some(known)))
    }
}

/// Deserializes as a value that is not there: an `Option` is `None`, a unit itself, all else an error.
struct Missing;

impl<'de> Deserializer<'de> for Missing {
    type Error = PlainError;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, PlainError> {
        Err(PlainError::custom("missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PlainError> {
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PlainError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["a", "b"];

    fn decode<P: Params>(text: &str) -> Result<P, String> {
        P::decode((!text.is_empty()).then_some(text), NAMES).map_err(|error| error.to_string())
    }

    #[test]
    fn by_position_and_by_name() {
        for text in ["[1,\"x\"]", "{\"a\":1,\"b\":\"x\"}", "{\"b\":\"x\",\"new\":[],\"\\u0061\":1}"] {
            assert_eq!(decode::<(i64, String)>(text), Ok((1, "x".into())), "{text}");
        }
    }

    #[test]
    fn options_may_be_missing() {
        for text in ["[1]", "[1,null]", "{\"a\":1}", "{\"a\":1,\"b\":null}"] {
            assert_eq!(decode::<(i64, Option<i64>)>(text), Ok((1, None)), "{text}");
        }
        assert_eq!(decode::<()>(""), Ok(()));
    }

    #[test]
    fn nulls_behind_the_last_parameter_are_nothing() {
        assert!(["[null]", "[]", "{}", "[null,null]"].into_iter().all(|text| decode::<()>(text) == Ok(())));
        assert_eq!(decode::<(i64, i64)>("[1,2,null]"), Ok((1, 2)));
        assert_eq!(decode::<()>("[null,1]"), Err("takes 0 params, got 2".into()));
    }

    #[test]
    fn a_single_that_may_be_empty_needs_no_params() {
        #[derive(Debug, Default, PartialEq, serde::Deserialize)]
        struct Options {
            limit: Option<u32>,
            #[serde(default)]
            deep: bool,
        }
        for text in ["", "[]", "{}", "[ ]", "[null]"] {
            assert_eq!(
                decode::<Single<Options>>(text).map(|single| single.0),
                Ok(Options::default()),
                "{text}"
            );
        }
        assert!(decode::<Single<Options>>("[1,2,3]").is_err());
        assert_eq!(decode::<Single<Vec<i64>>>("").map(|single| single.0), Ok(vec![]));
        assert_eq!(decode::<Single<Vec<i64>>>("[null]").map(|single| single.0), Ok(vec![]));
    }

    #[test]
    fn errors_say_which_and_why_but_not_what_was_sent() {
        let cases = [
            ("[\"secret\",1]", "parameter `a`: expected i64"),
            ("{\"b\":1,\"a\":\"x, expected y\"}", "parameter `a`: expected i64"),
            ("[1]", "parameter `b`: it is missing"),
            ("{\"a\":1}", "parameter `b`: it is missing"),
            ("", "parameter `a`: it is missing"),
            ("[1,2,3,4]", "takes 2 params, got 4"),
            ("{\"a\":1,\"a\":1}", "parameter `a`: it occurs twice"),
        ];
        for (text, expected) in cases {
            let error = decode::<(i64, i64)>(text).expect_err(text);
            assert!(error.starts_with(expected), "{text}: {error}");
            assert!(!error.contains("secret"));
        }
    }

    #[test]
    fn single_is_the_whole_of_params() {
        assert_eq!(decode::<Single<Vec<i64>>>("[1,2]").map(|single| single.0), Ok(vec![1, 2]));
        assert_eq!(decode::<Single<Option<i64>>>("").map(|single| single.0), Ok(None));
        assert!(["", "[]", "{}"].into_iter().all(|text| decode::<Single<()>>(text).is_ok()));
        assert_eq!(decode::<Single<Vec<i64>>>("[]").map(|single| single.0), Ok(vec![]));
        assert_eq!(decode::<Single<i64>>("").map(|single| single.0), Err("`params` is missing".into()));
    }

    #[test]
    fn named_is_an_object() {
        let text = serde_json::to_string(&Named(NAMES, (1, None::<i64>))).expect("JSON");
        assert_eq!(text, "{\"a\":1,\"b\":null}");
    }
}
