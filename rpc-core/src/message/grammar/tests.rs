use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

fn is_json(text: &str) -> bool {
    let mut cursor = Cursor::new(text);
    cursor.value().is_ok() && cursor.end().is_ok()
}

/// Texts that are JSON, or nearly.
const VALUES: [&str; 64] = [
    "",
    " ",
    "0",
    "-0",
    "01",
    "-",
    "1.",
    ".5",
    "1.5e+7",
    "1e",
    "1E-",
    "1e5x",
    "--1",
    "+1",
    "1 2",
    "true",
    "tru",
    "truee",
    "false",
    "null",
    "nul",
    "NaN",
    "\"\"",
    "\"",
    "\"a\nb\"",
    "\"a\\nb\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\ud800\"",
    "\"\\u00zz\"",
    "\"\\",
    "\"1234567\\\"\"",
    "\"12345678\u{1}\"",
    "\"ünï€𝄞\"",
    "\"\u{7f}\"",
    "[]",
    "[ ]",
    "[",
    "]",
    "[1",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1}",
    "[[],{}]",
    "[[[1],[2]],3]",
    "{}",
    "{ }",
    "{",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{a:1}",
    "{1:1}",
    "{\"a\" : [ 1 , { \"b\" : null } ] }",
    "{\"a\":1]",
    "{\"a\":[}",
    "{\"a\":{\"b\":[1]},\"c\":\"d\"}",
    "\u{feff}1",
    "\u{a0}1",
    "\t\r\n 1 \t",
    "\u{b}1",
    "/**/1",
    "'a'",
];

#[test]
fn what_is_json_is_told_as_serde_json_does() {
    for text in VALUES {
        for text in [text.to_owned(), format!("[{text}]"), format!("{{\"k\":{text} }}")] {
            assert_eq!(is_json(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{text}");
        }
    }
}

proptest! {
    #[test]
    fn what_looks_like_json_is_told_as_serde_json_does(
        text in r#"([\[\]{},:"\\ \n/\x01é]|-?[0-9]{1,3}|[.eE+-]|true|false|null|u00e9|ud83d|"a":|"[a-z]{0,9}"){0,24}"#,
    ) {
        prop_assert_eq!(is_json(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok());
    }
}

/// Brackets that are nested so deep, of one kind and of both, closed in the right order and in a wrong one.
fn assert_nests(depth: usize) {
    let both = |text: String| {
        assert!(is_json(&text), "{depth}");
        assert!(!is_json(&text[1..]) && !is_json(&text[..text.len() - 1]), "{depth}");
    };
    both("[".repeat(depth) + &"]".repeat(depth));
    both("{\"\":".repeat(depth) + "1" + &"}".repeat(depth));
    both("[{\"\":".repeat(depth) + "[]" + &"}]".repeat(depth));
    assert!(!is_json(&("[{\"\":".repeat(depth) + "1" + &"]}".repeat(depth))), "{depth}");
}

#[test]
fn brackets_that_nest_deeper_than_a_word_has_bits_are_told_apart() {
    (60..140).for_each(assert_nests);
}

#[test]
fn brackets_nest_as_deep_as_there_is_text() {
    [1000, 100_000].into_iter().for_each(assert_nests);
}

#[test]
fn each_byte_of_a_word_is_looked_at() {
    for at in 0..40 {
        for byte in 0..=127_u8 {
            let mut bytes = [b'a'; 40];
            bytes[at] = byte;
            let Ok(text) = std::str::from_utf8(&bytes) else { continue };
            let mut cursor = Cursor::new(text);
            cursor.skip_plain();
            let expected = if matches!(byte, b'"' | b'\\' | 0..0x20) { at } else { 40 };
            assert_eq!(cursor.at, expected, "{byte} at {at}");
        }
    }
}

#[test]
fn a_number_ends_at_the_first_byte_that_is_no_digit() {
    for at in 0..30 {
        for byte in (0..=127_u8).filter(|byte| !byte.is_ascii_digit()) {
            for behind in ["0123456789", "\u{7ff}:/;", ""] {
                let text = format!("{}{}{behind}", &"9081726354".repeat(3)[..at], char::from(byte));
                let mut cursor = Cursor::new(&text);
                cursor.skip_digits();
                assert_eq!(cursor.at, at, "{text:?}");
            }
        }
    }
}
