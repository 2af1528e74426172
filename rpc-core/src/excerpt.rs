//! Makes a peer's text fit to be shown: short, on one line, without control characters.

/// The beginning of a text that a peer wrote, for error messages and logs.
///
/// White space becomes single spaces. Control characters, and characters that change how the text around them
/// is displayed, are escaped as `\u{…}`. A text of more than `most` characters is cut and ends with `…`.
#[must_use]
pub fn excerpt(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most));
    let (mut length, mut space) = (0, false);
    for next in text.trim().chars() {
        if next.is_whitespace() {
            space = true;
            continue;
        }
        if length >= most {
            shown.push('…');
            break;
        }
        if std::mem::take(&mut space) {
            shown.push(' ');
            length += 1;
        }
        match next {
            '"' | '\'' | '\\' => shown.push(next),
            next => shown.extend(next.escape_debug()),
        }
        length += 1;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_as_it_is() {
        assert_eq!(excerpt(r#"it's "so" \ é 中"#, 100), r#"it's "so" \ é 中"#);
        assert_eq!(excerpt("", 10), "");
    }

    #[test]
    fn it_is_one_line_without_control_characters() {
        assert_eq!(excerpt(" a\r\n\tb\u{2028}c ", 10), "a b c");
        assert_eq!(excerpt("\u{1b}[31mred\u{0}\u{202e}x", 100), r"\u{1b}[31mred\0\u{202e}x");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(excerpt("abcdef", 6), "abcdef");
        assert_eq!(excerpt("abcdefg", 6), "abcdef…");
        assert_eq!(excerpt("ééé ééé", 4), "ééé é…");
        assert_eq!(excerpt("abc   ", 3), "abc");
    }
}
