//! The form of a parameter that is not part of params: the progress of a call, whose reports are messages of
//! their own.

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess};
use serde::ser::{SerializeMap, SerializeTuple};

use super::arguments::Argument;
use super::elements::Element;

/// Represents a parameter that has no place in params.
#[derive(Clone, Copy, Debug)]
pub struct NoPlace;

impl Element for NoPlace {
    const HAS_PLACE: bool = false;

    fn next<'de, A: SeqAccess<'de>>(_: &mut A, _: &[&str], _: usize) -> Result<Self, A::Error> {
        Ok(Self)
    }

    /// A member of that name is ignored, as unknown ones are.
    fn member<'de, A: MapAccess<'de>>(
        map: &mut A,
        _: &mut Option<Self>,
        _: &[&str],
        _: usize,
    ) -> Result<(), A::Error> {
        map.next_value::<IgnoredAny>().map(drop)
    }

    fn missing<E: Error>(_: &[&str], _: usize) -> Result<Self, E> {
        Ok(Self)
    }
}

impl Argument for NoPlace {
    const HAS_PLACE: bool = false;

    fn is_absent(&self) -> bool {
        true
    }

    fn add_to_tuple<S: SerializeTuple>(&self, _: &mut S) -> Result<(), S::Error> {
        Ok(())
    }

    fn add_to_map<M: SerializeMap>(&self, _: &'static str, _: &mut M) -> Result<(), M::Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::super::arguments::{Named, Positional, SentNull};
    use super::super::params::Params;
    use super::*;

    fn json(value: &impl Serialize) -> String {
        serde_json::to_string(value).expect("JSON")
    }

    #[test]
    fn what_has_no_place_is_not_sent() {
        const NAMES: &[&str] = &["a", "p", "b"];
        assert_eq!(json(&Positional((1, NoPlace, 2))), "[1,2]");
        assert_eq!(json(&Positional((NoPlace, None::<u8>))), "[]");
        assert_eq!(json(&Positional((NoPlace, None::<u8>, 3))), "[null,3]");
        assert_eq!(json(&Positional((SentNull(NoPlace), SentNull(None::<u8>)))), "[null]");
        assert_eq!(json(&Named(NAMES, (1, NoPlace, 2))), r#"{"a":1,"b":2}"#);
        assert_eq!(
            json(&Named(NAMES, (SentNull(1), SentNull(NoPlace), SentNull(None::<u8>)))),
            r#"{"a":1,"b":null}"#
        );
    }

    #[test]
    fn what_has_no_place_is_not_received() {
        type Wire = (u8, NoPlace, Option<u8>);
        const NAMES: &[&str] = &["a", "p", "b"];
        let decode = |params| {
            Wire::decode(Some(params), NAMES).map(|(a, _, b)| (a, b)).map_err(|error| error.to_string())
        };
        assert_eq!(decode("[1,2]"), Ok((1, Some(2))));
        assert_eq!(decode("[1]"), Ok((1, None)));
        assert_eq!(decode(r#"{"p":[1,2],"b":2,"a":1,"p":3}"#), Ok((1, Some(2))));
        assert_eq!(decode("[1,2,3]"), Err("takes 2 params, got 3".to_owned()));
        assert_eq!(decode("[1,2.5]"), Err("parameter `b`: expected u8".to_owned()));
        assert!(<(NoPlace,)>::decode(None, &["p"]).is_ok());
    }
}
