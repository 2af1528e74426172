//! What is received for the parameters of a method, by position or by name.

use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Error, MapAccess, SeqAccess};

use super::absent::Missing;

/// What is received for a parameter.
pub trait Element: Sized + Send {
    /// Whether it has a place in params.
    const HAS_PLACE: bool;

    /// Reads it by position.
    ///
    /// # Errors
    /// Says which parameter is wrong and how.
    fn next<'de, A: SeqAccess<'de>>(seq: &mut A, names: &[&str], index: usize) -> Result<Self, A::Error>;

    /// Reads it by name.
    ///
    /// # Errors
    /// Says which parameter is wrong and how.
    fn member<'de, A: MapAccess<'de>>(
        map: &mut A,
        slot: &mut Option<Self>,
        names: &[&str],
        index: usize,
    ) -> Result<(), A::Error>;

    /// What stands for it if it is missing.
    ///
    /// # Errors
    /// It must not be missing.
    fn missing<E: Error>(names: &[&str], index: usize) -> Result<Self, E>;
}

impl<T: DeserializeOwned + Send> Element for T {
    const HAS_PLACE: bool = true;

    #[inline]
    fn next<'de, A: SeqAccess<'de>>(seq: &mut A, names: &[&str], index: usize) -> Result<Self, A::Error> {
        next(seq, names, index)
    }

    #[inline]
    fn member<'de, A: MapAccess<'de>>(
        map: &mut A,
        slot: &mut Option<Self>,
        names: &[&str],
        index: usize,
    ) -> Result<(), A::Error> {
        member(map, slot, names, index)
    }

    #[inline]
    fn missing<E: Error>(names: &[&str], index: usize) -> Result<Self, E> {
        missing(names, index)
    }
}

/// Whether what is received for a parameter may be left out.
#[cfg(feature = "schema")]
pub(crate) fn may_be_missing<T: Element>() -> bool {
    T::missing::<serde::de::value::Error>(&[], 0).is_ok()
}

fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(
    seq: &mut A,
    names: &[&str],
    index: usize,
) -> Result<T, A::Error> {
    match seq.next_element() {
        Ok(Some(value)) => Ok(value),
        Ok(None) => missing(names, index),
        // The error may concern the previous parameter, which was not read to its end.
        Err(error) if ends_early(&error.to_string()) => Err(error),
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

/// The value of a missing parameter: `None` if it may be missing.
fn missing<'de, T: Deserialize<'de>, E: Error>(names: &[&str], index: usize) -> Result<T, E> {
    T::deserialize(Missing).map_err(|_| about(names, index, &"it is missing"))
}

fn about<E: Error>(names: &[&str], index: usize, why: &dyn fmt::Display) -> E {
    let name = names.get(index).copied().unwrap_or("?");
    E::custom(format_args!("parameter `{name}`: {}", without_value(&why.to_string())))
}

/// The message of a serde error without the value that it quotes: only the part that says what was expected
/// is sent to the caller.
pub(crate) fn without_value(message: &str) -> String {
    const EXPECTED: [&str; 2] = [", expected ", ", there are no "];
    const PARAMETER: &str = "parameter `";
    // The position is relative to `params`, which means nothing to the caller.
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    // The last match, since the value may contain such words too.
    match EXPECTED.into_iter().filter_map(|words| message.rfind(words)).max() {
        Some(at) if !message.starts_with(PARAMETER) => message[at + 2..].to_owned(),
        _ => message.to_owned(),
    }
}

/// serde_json's message after it has read the `1` of `1.5` and expects the end of the value: it reads 128-bit
/// integers this way. The text is known to be JSON, so there is no other cause.
pub(super) fn ends_early(message: &str) -> bool {
    message.starts_with("expected `,` or `") || message.starts_with("trailing characters")
}
