//! Whether a received message is the expected one.
//!
//! Messages are compared as JSON, but ids, numbers and literals by their bytes. `serde_json::Value` would
//! convert numbers, and 1.0 would be 1.00.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The replacement for a `*` in the file, to get valid JSON.
const ANY: &str = "\"\\u0000any value\"";

/// How many levels of arrays and objects are compared as JSON. The values inside are compared by their bytes,
/// so that a peer's nesting cannot use up the stack.
const LEVELS: usize = 128;

/// An expected message or batch.
#[derive(Debug)]
pub(crate) struct Pattern {
    text: Box<RawValue>,
    /// Whether an expected error without `data` also matches one that has some.
    data_open: bool,
}

impl Pattern {
    pub(crate) fn parse(text: &str, data_open: bool) -> Result<Self, String> {
        match serde_json::from_str(with_any(text).trim()) {
            Ok(text) => Ok(Self { text, data_open }),
            Err(error) => Err(format!("not JSON: {error}: {text}")),
        }
    }

    pub(crate) fn text(&self) -> String {
        self.text.get().replace(ANY, "*")
    }

    pub(crate) fn matches(&self, got: &[u8]) -> bool {
        let Ok(got) = serde_json::from_slice::<&RawValue>(got) else { return false };
        match (elements(&self.text), elements(got)) {
            (Some(expected), Some(got)) => self.is_same_batch(&expected, got),
            _ => self.is_same_message(&self.text, got),
        }
    }

    /// "The Response objects being returned from a batch call MAY be returned in any order" (§6).
    fn is_same_batch(&self, expected: &[&RawValue], mut got: Vec<&RawValue>) -> bool {
        let all_found = expected.iter().all(|expected| {
            let found = got.iter().position(|got| self.is_same_message(expected, got));
            found.map(|at| got.remove(at)).is_some()
        });
        all_found && got.is_empty()
    }

    fn is_same_message(&self, expected: &RawValue, got: &RawValue) -> bool {
        let (Some(expected_members), Some(got_members)) = (members(expected), members(got)) else {
            return is_same(expected, got, LEVELS);
        };
        have_same_members(&expected_members, &got_members, |name, expected, got| match name {
            "id" => expected.get() == ANY || expected.get() == got.get(),
            "error" if self.data_open => is_same_but_data(expected, got),
            _ => is_same(expected, got, LEVELS),
        })
    }
}

fn is_same_but_data(expected: &RawValue, got: &RawValue) -> bool {
    let (Some(expected_members), Some(mut got_members)) = (members(expected), members(got)) else {
        return is_same(expected, got, LEVELS);
    };
    got_members.retain(|name, _| expected_members.contains_key(name) || name != "data");
    have_same_members(&expected_members, &got_members, |_, expected, got| is_same(expected, got, LEVELS))
}

fn have_same_members(
    expected: &BTreeMap<String, &RawValue>,
    got: &BTreeMap<String, &RawValue>,
    is_same: impl Fn(&str, &RawValue, &RawValue) -> bool,
) -> bool {
    let found = |(name, expected): (&String, &&RawValue)| {
        got.get(name).is_some_and(|got| is_same(name, expected, got))
    };
    expected.len() == got.len() && expected.iter().all(found)
}

fn is_same(expected: &RawValue, got: &RawValue, levels: usize) -> bool {
    if expected.get() == ANY || expected.get() == got.get() {
        return true;
    }
    let Some(levels) = levels.checked_sub(1) else { return false };
    if let (Some(expected), Some(got)) = (members(expected), members(got)) {
        return have_same_members(&expected, &got, |_, expected, got| is_same(expected, got, levels));
    }
    if let (Some(expected), Some(got)) = (elements(expected), elements(got)) {
        return expected.len() == got.len()
            && expected.iter().zip(&got).all(|(expected, got)| is_same(expected, got, levels));
    }
    let string = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).ok();
    string(expected).is_some() && string(expected) == string(got)
}

fn members(raw: &RawValue) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

fn elements(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// Replaces each `*` outside of strings.
fn with_any(text: &str) -> String {
    // A megabyte without one need not be searched character by character.
    if !text.contains('*') {
        return text.to_owned();
    }
    let (mut out, mut in_string, mut escaped) = (String::with_capacity(text.len()), false, false);
    for character in text.chars() {
        match character {
            '*' if !in_string => {
                out.push_str(ANY);
                continue;
            }
            '"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && !escaped && character == '\\';
        out.push(character);
    }
    out
}

#[test]
fn messages_are_compared_as_json_and_ids_by_their_bytes() {
    let matches =
        |expected, got: &str| Pattern::parse(expected, false).is_ok_and(|it| it.matches(got.as_bytes()));
    let same = [
        (r#"{"id":1,"result":[true,"é"]}"#, r#"{ "result":[true,"\u00e9"], "id":1}"#),
        (r#"[{"id":1},{"id":2}]"#, r#"[{"id":2},{"id":1}]"#),
        (r#"{"a":*,"b":"*"}"#, r#"{"a":{"x":[1]},"b":"*"}"#),
        (r#"{"id":*}"#, r#"{"id":7}"#),
    ];
    for (expected, got) in same {
        assert!(matches(expected, got), "{expected} and {got}");
    }
    let different = [
        (r#"{"id":"a"}"#, r#"{"id":"\u0061"}"#),
        (r#"{"id":1}"#, r#"{"id":1.0}"#),
        (r#"{"id":1}"#, r#"{"id":1,"more":1}"#),
        (r#"{"id":1,"more":1}"#, r#"{"id":1}"#),
        (r#"{"result":[1]}"#, r#"{"result":[1.0]}"#),
        (r#"{"result":[1,2]}"#, r#"{"result":[2,1]}"#),
        (r#"{"result":"*"}"#, r#"{"result":"x"}"#),
        (r#"{"id":1}"#, r#"[{"id":1}]"#),
        (r#"[{"id":1},{"id":1}]"#, r#"[{"id":1},{"id":2}]"#),
        (r#"[{"id":1}]"#, r#"[{"id":1},{"id":1}]"#),
        (r#"{"id":1}"#, r#"{"id":1"#),
        (r#"{"id":1}"#, "\u{ff}"),
    ];
    for (expected, got) in different {
        assert!(!matches(expected, got), "{expected} and {got}");
    }
}

#[test]
fn values_that_are_nested_deeply_are_compared() {
    let nested = |levels: usize, value: &str| {
        format!(r#"{{"id":1,"result":{}{value}{}}}"#, "[".repeat(levels), "]".repeat(levels))
    };
    let matches = |expected: &str, got: &str| {
        Pattern::parse(expected, false).is_ok_and(|it| it.matches(got.as_bytes()))
    };
    assert!(matches(&nested(100, "*"), &nested(100, "1")));
    for levels in [100, 100_000] {
        assert!(matches(&nested(levels, "1"), &nested(levels, "1")), "{levels}");
        assert!(!matches(&nested(levels, "1"), &nested(levels, "2")), "{levels}");
    }
}

#[test]
fn data_is_left_open_only_where_it_is_said() {
    let (expected, got) = (r#"{"error":{"code":1}}"#, br#"{"error":{"code":1,"data":2}}"#);
    for open in [true, false] {
        assert_eq!(Pattern::parse(expected, open).is_ok_and(|it| it.matches(got)), open);
    }
    let other = r#"{"error":{"code":2,"data":2}}"#;
    assert!(!Pattern::parse(other, true).is_ok_and(|it| it.matches(got)));
}
