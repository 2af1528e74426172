//! Whether a message is the expected one.
//!
//! Not through `serde_json::Value`, which converts numbers and so could not distinguish 1.0 from 1.00, or 2⁶⁴
//! + 1 from 2⁶⁴.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The replacement for a `*` in the file, to get valid JSON.
const ANY: &str = "\"any value\"";

/// An expected message or batch.
#[derive(Debug)]
pub(crate) struct Pattern {
    text: Box<RawValue>,
    /// Whether an expected error without `data` also matches one that has some.
    data_open: bool,
}

impl Pattern {
    pub(crate) fn parse(text: &str, data_open: bool) -> Result<Self, String> {
        match serde_json::from_str(&with_any(text)) {
            Ok(text) => Ok(Self { text, data_open }),
            Err(_) => Err(format!("not JSON: {text}")),
        }
    }

    pub(crate) fn text(&self) -> String {
        self.text.get().replace(ANY, "*")
    }

    pub(crate) fn matches(&self, got: &str) -> bool {
        let Ok(got) = serde_json::from_str(got) else { return false };
        match (elements(&self.text), elements(got)) {
            (Some(expected), Some(got)) => self.same_batch(&expected, got),
            _ => self.same_message(&self.text, got),
        }
    }

    /// "The Response objects being returned from a batch call MAY be returned in any order" (§6).
    fn same_batch(&self, expected: &[&RawValue], mut got: Vec<&RawValue>) -> bool {
        let all_found = expected.iter().all(|expected| {
            let found = got.iter().position(|got| self.same_message(expected, got));
            found.map(|at| got.remove(at)).is_some()
        });
        all_found && got.is_empty()
    }

    fn same_message(&self, expected: &RawValue, got: &RawValue) -> bool {
        let (Some(expected), Some(got)) = (members(expected), members(got)) else {
            return same(expected, got);
        };
        same_members(&expected, &got, |name, expected, got| match name {
            "id" => expected.get() == got.get(),
            "error" if self.data_open => same_but_data(expected, got),
            _ => same(expected, got),
        })
    }
}

fn same_but_data(expected: &RawValue, got: &RawValue) -> bool {
    let (Some(expected), Some(mut got)) = (members(expected), members(got)) else { return false };
    got.retain(|name, _| expected.contains_key(name) || name != "data");
    same_members(&expected, &got, |_, expected, got| same(expected, got))
}

fn same_members(
    expected: &BTreeMap<String, &RawValue>,
    got: &BTreeMap<String, &RawValue>,
    same: impl Fn(&str, &RawValue, &RawValue) -> bool,
) -> bool {
    let found =
        |(name, expected): (&String, &&RawValue)| got.get(name).is_some_and(|got| same(name, expected, got));
    expected.len() == got.len() && expected.iter().all(found)
}

fn same(expected: &RawValue, got: &RawValue) -> bool {
    if expected.get() == ANY || expected.get() == got.get() {
        return true;
    }
    if let (Some(expected), Some(got)) = (members(expected), members(got)) {
        return same_members(&expected, &got, |_, expected, got| same(expected, got));
    }
    if let (Some(expected), Some(got)) = (elements(expected), elements(got)) {
        return expected.len() == got.len()
            && expected.iter().zip(&got).all(|(expected, got)| same(expected, got));
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
    let (mut out, mut in_string, mut escaped) = (String::new(), false, false);
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
    let matches = |expected, got| Pattern::parse(expected, false).expect("a pattern").matches(got);
    assert!(matches(r#"{"id":1,"result":[true,"é"]}"#, r#"{ "result":[true,"\u00e9"], "id":1}"#));
    assert!(matches(r#"[{"id":1},{"id":2}]"#, r#"[{"id":2},{"id":1}]"#));
    assert!(matches(r#"{"a":*,"b":"*"}"#, r#"{"a":{"x":[1]},"b":"*"}"#));
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
    ];
    for (expected, got) in different {
        assert!(!matches(expected, got), "{expected} and {got}");
    }
}

#[test]
fn data_is_left_open_only_where_it_is_said() {
    let (expected, got) = (r#"{"error":{"code":1}}"#, r#"{"error":{"code":1,"data":2}}"#);
    for open in [true, false] {
        assert_eq!(Pattern::parse(expected, open).expect("a pattern").matches(got), open);
    }
    let other = r#"{"error":{"code":2,"data":2}}"#;
    assert!(!Pattern::parse(expected, true).expect("a pattern").matches(other));
}
