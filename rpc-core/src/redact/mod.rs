//! Prepares messages for logs: replaces the values of keys that name secrets, and the values that methods
//! mark as sensitive.

mod keys;
mod marks;
#[cfg_attr(not(feature = "inspector"), allow(dead_code, unreachable_pub))]
mod messages;

use std::ops::Range;

use crate::excerpt::excerpt;
use keys::hide_secrets;

pub use marks::{Marks, Sensitive};
pub(crate) use marks::{copy_marks, mark_names};
#[cfg_attr(not(feature = "inspector"), allow(unreachable_pub))]
pub use messages::{Direction, Redactor};

/// The text that replaces a secret. It is JSON, so that the message stays readable.
const HIDDEN: &str = "\"<hidden>\"";

/// Returns a message, or a part of one, for a log: one line of at most `max` characters, without the values
/// of keys that name secrets and without the ranges `hidden`.
pub(crate) fn redacted(text: &str, max: usize, mut hidden: Vec<Range<usize>>) -> String {
    // The part that is cut off need not be searched, however large the message is.
    let end = text.char_indices().nth(max + 1).map_or(text.len(), |(end, _)| end);
    hide_secrets(text, end, &mut hidden);
    hidden.sort_unstable_by_key(|range| range.start);
    let (mut shown, mut at) = (String::with_capacity(end), 0);
    for hidden in hidden.into_iter().take_while(|hidden| hidden.start < end) {
        // A range may lie within another.
        if hidden.start >= at {
            shown.push_str(&text[at..hidden.start]);
            shown.push_str(HIDDEN);
        }
        at = at.max(hidden.end);
    }
    shown.push_str(text.get(at..end).unwrap_or_default());
    if at.max(end) < text.len() {
        shown.push('…');
    }
    excerpt(&shown, max)
}

/// The number of characters of a reply that an error shows.
const MAX_EXCERPT: usize = 200;

/// The beginning of a reply, for the error that it does not decode.
pub(crate) fn excerpt_of_reply(text: &str) -> String {
    redacted(text, MAX_EXCERPT, Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secret_keys_are_hidden_wherever_they_are() {
        let cases = [
            (r#"{"user":"ann","password":"hunter2"}"#, r#"{"user":"ann","password":"<hidden>"}"#),
            (
                r#"[{"a":[{"Access-Token" : {"x":["}"]}}],"b":1}]"#,
                r#"[{"a":[{"Access-Token" : "<hidden>"}],"b":1}]"#,
            ),
            (r#"{"api_secret":17,"b":2}"#, r#"{"api_secret":"<hidden>","b":2}"#),
            (r#"{"AUTHORIZATION":null}"#, r#"{"AUTHORIZATION":"<hidden>"}"#),
            (r#"{"pass\u0077ord":"x\"y"}"#, r#"{"pass\u0077ord":"<hidden>"}"#),
            (r#"{"a":"password","b":"token:"}"#, r#"{"a":"password","b":"token:"}"#),
            // Not JSON, or cut off.
            (r#"{"token":"abc"#, r#"{"token":"<hidden>""#),
            (r#"{"token":"#, r#"{"token":"#),
            ("hello \"there\n\u{1b}[1m", "hello \"there \\u{1b}[1m"),
            // JSON in a string.
            (r#"{"body":"{\"token\":\"abc\",\"a\":1}"}"#, r#"{"body":"<hidden>"}"#),
            (r#"{"body":"{\u0022t\u006fken\u0022:\u0022abc\u0022}"}"#, r#"{"body":"<hidden>"}"#),
            (r#"{"body":"{\"token\":\"ab\x"}"#, r#"{"body":"<hidden>"}"#),
        ];
        for (text, shown) in cases {
            assert_eq!(redacted(text, 200, Vec::new()), shown, "{text}");
        }
    }

    #[test]
    fn a_line_is_bounded_also_inside_of_what_is_hidden() {
        let long = "x".repeat(1000);
        assert_eq!(redacted(&long, 200, Vec::new()), format!("{}…", &long[..200]));
        let secret = format!(r#"{{"token":"{long}","a":1}}"#);
        assert_eq!(redacted(&secret, 200, Vec::new()), r#"{"token":"<hidden>"…"#);
        let last = format!(r#"{{"a":"é","token":"{long}"}}"#);
        assert!((0..40).all(|max| !redacted(&last, max, Vec::new()).contains("xx")));
    }
}
