//! Which parameters and results of a method are streams or progress; finds the streams in the params of a
//! request.

use super::parameters::Parameters;
use crate::message::{array_elements, object_members, parse_stream_param};

/// Which of a method's parameters are streams or progress, and whether its result is a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamSignature {
    /// Whether the result is a stream.
    pub(crate) result: bool,
    /// Whether a parameter is the call's progress.
    pub(crate) progress: bool,
    /// A bit for each parameter that is a stream, the lowest for the first.
    parameters: u16,
    /// A bit for each parameter that has a place in params.
    places: u16,
    /// The wire names of the parameters.
    names: &'static [&'static str],
}

/// Two arguments have the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RepeatedNumber(pub(crate) u16);

impl StreamSignature {
    /// The signature of a method with neither streams nor progress.
    pub(super) const NONE: Self =
        Self { result: false, progress: false, parameters: 0, places: 0, names: &[] };

    /// The signature of a method with these parameters.
    pub(super) const fn of<P: Parameters>(result: bool, names: &'static [&'static str]) -> Self {
        Self { result, progress: P::HAS_PROGRESS, parameters: P::STREAMS, places: P::PLACES, names }
    }

    /// Whether the method has neither streams nor progress.
    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        !self.result && !self.progress && self.parameters == 0
    }

    /// Whether the method has streams.
    pub(crate) fn has_streams(&self) -> bool {
        self.result || self.parameters != 0
    }

    /// Returns the numbers of the argument streams in the params of a request, in their order. An argument
    /// that is not the number of a stream is refused later, when the parameter is decoded.
    pub(crate) fn find(&self, params: Option<&str>) -> Result<Vec<u16>, RepeatedNumber> {
        let (mut found, mut repeated) = (Vec::new(), None);
        let Some(params) = params.filter(|_| self.parameters != 0) else { return Ok(found) };
        let mut look_at = |index: usize, value: &str| {
            let is_stream = index < 16 && self.parameters >> index & 1 == 1;
            if let Some(number) = is_stream.then(|| parse_stream_param(value)).flatten() {
                match found.contains(&number) {
                    true => repeated = Some(RepeatedNumber(number)),
                    false => found.push(number),
                }
            }
        };
        if params.starts_with('[') {
            let mut placed = (0..16).filter(|index| self.places >> index & 1 == 1);
            array_elements(params, |value| look_at(placed.next().unwrap_or(16), value));
        } else {
            object_members(params, |name, value| {
                if let Some(index) = self.names.iter().position(|known| *known == name) {
                    look_at(index, value);
                }
            });
        }
        repeated.map_or(Ok(found), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: StreamSignature = StreamSignature {
        parameters: 0b101,
        places: 0b111,
        names: &["a", "b", "c"],
        ..StreamSignature::NONE
    };

    #[test]
    fn streams_are_found_where_the_method_takes_them() {
        let find = |params| SIGNATURE.find(params);
        assert_eq!(find(None), Ok(vec![]));
        assert_eq!(find(Some(r#"[{"stream":7},{"stream":7},{"stream":3}]"#)), Ok(vec![7, 3]));
        assert_eq!(find(Some(r#"{"c":{"stream":1},"b":{"stream":2},"d":{"stream":3}}"#)), Ok(vec![1]));
        assert_eq!(find(Some(r#"[1,2,{"stream":70000}]"#)), Ok(vec![]));
        assert_eq!(find(Some(r#"[{"stream":7},0,{"stream":7}]"#)), Err(RepeatedNumber(7)));
        assert_eq!(StreamSignature::NONE.find(Some(r#"[{"stream":7}]"#)), Ok(vec![]));
        let behind_progress = StreamSignature { parameters: 0b100, places: 0b101, ..SIGNATURE };
        assert_eq!(behind_progress.find(Some(r#"[1,{"stream":7},{"stream":8}]"#)), Ok(vec![7]));
        assert_eq!(behind_progress.find(Some(r#"{"b":{"stream":7},"c":{"stream":8}}"#)), Ok(vec![8]));
    }
}
