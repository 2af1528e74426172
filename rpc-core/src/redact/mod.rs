//! Messages made fit for logs: the values of keys that name secrets are replaced, and so is what methods have
//! marked as sensitive.

mod keys;
mod marks;

use std::ops::Range;

use crate::excerpt::excerpt;
use keys::hide_secrets;

pub use marks::{Marks, Sensitive};
pub(crate) use marks::{copy_marks, hidden_params, hides_result, mark_names};

/// What is shown instead of a secret: JSON, so that the message stays readable.
const HIDDEN: &str = "\"<hidden>\"";

/// A message, or a part of one, as a log may have it: one line of at most `max` characters, without the
/// values of keys that name secrets, and without the parts that are `hidden`.
pub(crate) fn redacted(text: &str, max: usize, mut hidden: Vec<Range<usize>>) -> String {
    // What is cut off need not be looked at, however large the message is.
    let end = text.char_indices().nth(max + 1).map_or(text.len(), |(end, _)| end);
    hide_secrets(text, end, &mut hidden);
    hidden.sort_unstable_by_key(|range| range.start);
    let (mut shown, mut at) = (String::with_capacity(end), 0);
    for hidden in hidden.into_iter().take_while(|hidden| hidden.start < end) {
        // One may lie in another.
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

/// Characters of a reply that are shown in an error.
const MAX_EXCERPT: usize = 200;

/// The beginning of a reply, for the error that says that it does not decode.
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
            // Not JSON, or not all of it.
            (r#"{"token":"abc"#, r#"{"token":"<hidden>""#),
            (r#"{"token":"#, r#"{"token":"#),
            ("hello \"there\n\u{1b}[1m", "hello \"there \\u{1b}[1m"),
            // JSON in a string.
            (r#"{"body":"{\"token\":\"abc\",\"a\":1}"}"#, r#"{"body":"<hidden>"}"#),
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
