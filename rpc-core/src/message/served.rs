//! `"served": false` in the data of an error: the method of the call has not run.
//!
//! A caller that reads it may send the call again, so nothing else may look like it. It is written only for
//! refusals, and removed from the errors of everything that has run.

use super::grammar::Cursor;
use super::strings::unescaped;

const NAME: &str = "served";

/// Whether data states that the method has not run. It must do so exactly once: RFC 8259 §4 leaves open what
/// two members of the same name mean.
pub(super) fn says_not_served(data: &str) -> bool {
    let (mut members, mut says) = (0, false);
    each_member(data, |_, is_served, value| {
        members += usize::from(is_served);
        says |= is_served && value == "false";
    });
    says && members == 1
}

/// The data without the statement that the method has not run; `None` if there is no such statement. The
/// other members do not change.
pub(super) fn without(data: &str) -> Option<String> {
    let (mut kept, mut found) = (String::new(), false);
    each_member(data, |name, is_served, value| {
        if is_served && value == "false" {
            found = true;
        } else {
            push_member(&mut kept, name, value);
        }
    });
    found.then(|| format!("{{{kept}}}"))
}

/// The data with the statement that the method has not run. Data that is not an object becomes the member
/// `detail` of one.
pub(super) fn with(data: Option<&str>) -> String {
    let mut members = String::new();
    match data {
        Some(data) if is_object(data) => each_member(data, |name, is_served, value| {
            if !is_served {
                push_member(&mut members, name, value);
            }
        }),
        Some(data) => push_member(&mut members, "detail", data),
        None => {}
    }
    push_member(&mut members, NAME, "false");
    format!("{{{members}}}")
}

fn push_member(members: &mut String, name: &str, value: &str) {
    if !members.is_empty() {
        members.push(',');
    }
    members.push('"');
    members.push_str(name);
    members.push_str("\":");
    members.push_str(value);
}

fn is_object(data: &str) -> bool {
    data.trim_ascii_start().starts_with('{')
}

/// Calls `member` with each member of an object: its raw name, whether that is `served`, and its value. Does
/// nothing if the data is not an object.
fn each_member<'a>(data: &'a str, mut member: impl FnMut(&'a str, bool, &'a str)) {
    if !is_object(data) {
        return;
    }
    let mut cursor = Cursor::new(data);
    let read = cursor.object(|name, value| {
        let is_served = name == NAME || unescaped(name).is_some_and(|name| name == NAME);
        member(name, is_served, value);
    });
    debug_assert!(read.is_ok(), "data is JSON");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn it_is_read_where_it_is_said_once_and_as_false() {
        for data in [r#"{"served":false}"#, r#" { "kind" : "x" , "s\u0065rved" : false } "#] {
            assert!(says_not_served(data), "{data}");
        }
        for data in [
            "null",
            "false",
            r#""served""#,
            r#"["served",false]"#,
            r#"{"served":null}"#,
            r#"{"served":true}"#,
            r#"{"served":"false"}"#,
            r#"{"served":false,"served":true}"#,
            r#"{"served":false,"served":false}"#,
            r#"{"cause":{"served":false}}"#,
            r#"{"Served":false}"#,
        ] {
            assert!(!says_not_served(data), "{data}");
        }
    }

    #[test]
    fn only_that_member_is_taken_out() {
        let kept = [
            (r#"{"served":false}"#, "{}"),
            (r#"{ "a" : 1.0 , "served" : false , "b":[ 2 ] }"#, r#"{"a":1.0,"b":[ 2 ]}"#),
            (r#"{"served":false,"s\u0065rved":false,"served":true}"#, r#"{"served":true}"#),
        ];
        for (data, expected) in kept {
            assert_eq!(without(data).as_deref(), Some(expected));
        }
        for data in [r#"{"served":true}"#, r#"{"order":{"served":false}}"#, "[false]", "7", "null", "{}"] {
            assert_eq!(without(data), None, "{data}");
        }
    }

    #[test]
    fn it_is_added_to_whatever_data_there_is() {
        let added = [
            (None, r#"{"served":false}"#),
            (Some("{}"), r#"{"served":false}"#),
            (Some(r#"{"kind":"busy"}"#), r#"{"kind":"busy","served":false}"#),
            (Some(r#"{"served":true,"a":1}"#), r#"{"a":1,"served":false}"#),
            (Some("[1]"), r#"{"detail":[1],"served":false}"#),
        ];
        for (data, expected) in added {
            assert_eq!(with(data), expected);
        }
    }

    /// Any JSON, with many members that are called `served` in one way or another.
    fn any_data() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![
            "false",
            "true",
            "null",
            "0",
            "\"false\"",
            " false",
            "1e2",
            "\"\\\\\"",
        ]);
        leaf.prop_map(str::to_owned).prop_recursive(4, 32, 4, |inner| {
            let name = prop::sample::select(vec!["served", "s\\u0065rved", "Served", "cause", "kind", ""]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|items| format!("[{}]", items.join(" ,"))),
                prop::collection::vec((name, inner), 0..5).prop_map(|members| {
                    let members: Vec<_> =
                        members.iter().map(|(name, value)| format!("\"{name}\" :{value}")).collect();
                    format!("{{{}}}", members.join(" , "))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_that_has_run_says_not_served(data in any_data()) {
            let stripped = without(&data);
            let left = stripped.as_deref().unwrap_or(&data);
            prop_assert!(!says_not_served(left));
            let value: Value = serde_json::from_str(left).expect("it is still JSON");
            prop_assert_ne!(value.get("served"), Some(&Value::Bool(false)));
            prop_assert_eq!(without(left), None, "once is enough");
        }

        #[test]
        fn what_is_refused_says_not_served(data in any_data()) {
            let marked = with(Some(&data));
            prop_assert!(says_not_served(&marked));
            prop_assert!(serde_json::from_str::<Value>(&marked).is_ok());
            prop_assert!(!without(&marked).is_some_and(|left| says_not_served(&left)));
        }
    }
}
