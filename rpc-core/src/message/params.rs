//! Decodes params, by position, by name or as a single value, directly into a tuple of the method's
//! parameters.

use std::{fmt, marker::PhantomData};

use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess,
    SeqAccess, Visitor,
};
use serde::ser::{Serialize, SerializeMap, SerializeTuple, Serializer};
use serde_json::value::RawValue;

use super::absent::Missing;
use super::arguments::{Argument, Arguments};
use super::elements::{Element, ends_early, without_value};
use super::members::{array_elements, object_members, string};

/// Why params could not be decoded: the parameter, if one is to blame, and the reason. It never contains the
/// value that was sent, since an error reply must not echo its request.
#[derive(Debug)]
pub struct ParamsError(String);

impl ParamsError {
    /// The error for the parameter with this index.
    #[cold]
    pub(crate) fn about(names: &[&str], index: usize, why: &str) -> Self {
        Self(format!("parameter `{}`: {why}", names.get(index).copied().unwrap_or("?")))
    }

    /// The error for params that are one parameter as a whole.
    #[cold]
    pub(crate) fn of_whole(why: &str) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for ParamsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<serde_json::Error> for ParamsError {
    fn from(error: serde_json::Error) -> Self {
        Self(why(&error))
    }
}

/// A tuple of a method's parameters, or [`Single`]. For generated code and the core.
pub trait Params: Sized + Send {
    /// Decodes the text of params: by position from an array, by name from an object.
    ///
    /// # Errors
    /// Which parameter cannot be decoded and why, or how many parameters are expected.
    fn decode(params: Option<&str>, names: &'static [&'static str]) -> Result<Self, ParamsError>;
}

/// A single parameter that is the whole params object or array, as in LSP and MCP.
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
        // The type may be a struct whose fields may all be missing, or a list, which may be empty.
        let given = given.or_else(|| serde_json::from_str("{}").or_else(|_| serde_json::from_str("[]")).ok());
        given.map(Self).ok_or(error)
    }
}

/// [`Single`] with the progress of the call, which is not part of params.
#[derive(Debug)]
pub struct SingleWith<T, P>(pub T, pub P);

impl<T: Serialize> Serialize for Single<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Whether these are params that callers send if they have none.
fn is_nothing(params: &str) -> bool {
    let longest = "[null]".len();
    let text: String = params.chars().filter(|char| !char.is_ascii_whitespace()).take(longest + 1).collect();
    matches!(&*text, "[]" | "{}" | "[null]")
}

/// The seed of a tuple: the names of its elements, and its type.
struct Tuple<P> {
    names: &'static [&'static str],
    tuple: PhantomData<P>,
}

impl<P> Tuple<P> {
    fn of(names: &'static [&'static str]) -> Self {
        Self { names, tuple: PhantomData }
    }
}

/// `places`: a bit for each element that has a place in params, the lowest for the first.
#[inline]
fn decode_tuple<'de, P>(
    params: Option<&'de str>,
    names: &'static [&'static str],
    places: u16,
) -> Result<P, ParamsError>
where
    Tuple<P>: Visitor<'de, Value = P>,
{
    let params = params.unwrap_or("[]");
    let mut deserializer = serde_json::Deserializer::from_str(params);
    deserializer.deserialize_any(Tuple::of(names)).map_err(|error| blame(params, names, places, &error))
}

/// Finds the parameter that an error concerns; the error itself has only a position.
#[cold]
fn blame(params: &str, names: &[&str], places: u16, error: &serde_json::Error) -> ParamsError {
    if error.is_data() {
        return ParamsError(why(error));
    }
    let lines = params.split_inclusive('\n').take(error.line().saturating_sub(1));
    let at = lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
    let holds = |value: &str| {
        let start = value.as_ptr() as usize - params.as_ptr() as usize;
        (start..start + value.len()).contains(&at)
    };
    let mut blamed = None;
    let mut placed = names.iter().enumerate().filter(|(index, _)| places >> index & 1 == 1);
    array_elements(params, |value| {
        let name = placed.next();
        if holds(value) {
            blamed = name.map(|(_, name)| (*name).to_owned());
        }
    });
    object_members(params, |name, value| {
        if holds(value) {
            blamed = names.contains(&name).then(|| name.to_owned());
        }
    });
    ParamsError(match blamed {
        Some(name) => format!("parameter `{name}`: {}", why(error)),
        None => why(error),
    })
}

fn why(error: &serde_json::Error) -> String {
    let message = error.to_string();
    if error.is_syntax() && ends_early(&message) {
        "expected an integer".into()
    } else {
        without_value(&message)
    }
}

macro_rules! tuples {
    ($($($T:ident $t:ident $index:tt)*;)*) => {$(
        impl<$($T: Element),*> Params for ($($T,)*) {
            fn decode(params: Option<&str>, names: &'static [&'static str]) -> Result<Self, ParamsError> {
                decode_tuple(params, names, 0 $(| ($T::HAS_PLACE as u16) << $index)*)
            }
        }

        impl<'de, $($T: Element),*> Visitor<'de> for Tuple<($($T,)*)> {
            type Value = ($($T,)*);

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("params")
            }

            #[allow(unused_mut, unused_variables)] // for the tuple of none
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                $(let $t = $T::next(&mut seq, self.names, $index)?;)*
                end(seq, 0 $(+ $T::HAS_PLACE as usize)*)?;
                Ok(($($t,)*))
            }

            #[allow(unused_variables)] // for the tuple of none
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                $(let mut $t = None;)*
                while let Some(index) = map.next_key_seed(IndexOf(self.names))? {
                    match index {
                        $(Some($index) => $T::member(&mut map, &mut $t, self.names, $index)?,)*
                        // Unknown names are ignored, so that a newer caller can call an older peer.
                        _ => { map.next_value::<IgnoredAny>()?; }
                    }
                }
                Ok(($(match $t {
                    Some(value) => value,
                    None => $T::missing(self.names, $index)?,
                },)*))
            }
        }

        impl<$($T: Argument),*> Arguments for ($($T,)*) {
            #[allow(unused_mut, unused_assignments)] // for the tuple of none
            fn by_position<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut count = 0;
                $(if $T::HAS_PLACE && !self.$index.is_absent() { count = $index + 1; })*
                let mut tuple = serializer.serialize_tuple(count)?;
                $(if $index < count { self.$index.add_to_tuple(&mut tuple)?; })*
                tuple.end()
            }

            #[allow(unused_variables)] // for the tuple of none
            fn by_name<M: SerializeMap>(
                &self,
                names: &'static [&'static str],
                nulls: bool,
                map: &mut M,
            ) -> Result<(), M::Error> {
                $(if nulls || !self.$index.is_absent() { self.$index.add_to_map(names[$index], map)?; })*
                Ok(())
            }
        }
    )*};
}

tuples! {
    ;
    T0 t0 0;
    T0 t0 0 T1 t1 1;
    T0 t0 0 T1 t1 1 T2 t2 2;
    T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3;
    T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4;
    T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5;
    T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6;
    T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7;
    T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7 T8 t8 8;
    T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7 T8 t8 8 T9 t9 9;
    T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7 T8 t8 8 T9 t9 9 T10 t10 10;
    T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7 T8 t8 8 T9 t9 9 T10 t10 10 T11 t11 11;
    T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7 T8 t8 8 T9 t9 9 T10 t10 10 T11 t11 11
        T12 t12 12;
    T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7 T8 t8 8 T9 t9 9 T10 t10 10 T11 t11 11
        T12 t12 12 T13 t13 13;
    T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7 T8 t8 8 T9 t9 9 T10 t10 10 T11 t11 11
        T12 t12 12 T13 t13 13 T14 t14 14;
    T0 t0 0 T1 t1 1 T2 t2 2 T3 t3 3 T4 t4 4 T5 t5 5 T6 t6 6 T7 t7 7 T8 t8 8 T9 t9 9 T10 t10 10 T11 t11 11
        T12 t12 12 T13 t13 13 T14 t14 14 T15 t15 15;
}

fn end<'de, A: SeqAccess<'de>>(mut seq: A, count: usize) -> Result<(), A::Error> {
    // Nulls after the last parameter are ignored.
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

/// Maps a member's name to the index of its parameter.
struct IndexOf(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for IndexOf {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        // Read as raw text, so that a name that is not valid text is ignored like other unknown names.
        let name = <&RawValue>::deserialize(deserializer)?;
        let name = string(name.get());
        Ok(self.0.iter().position(|known| name.as_deref() == Some(known)))
    }
}

#[cfg(test)]
#[path = "params_tests.rs"]
mod tests;
