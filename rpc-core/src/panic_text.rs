//! The text of a panic, for the log.

use std::any::Any;

use crate::excerpt::excerpt;

/// The number of characters of a panic's text that are logged.
const MAX_TEXT: usize = 500;

/// The text of a panic, on one line and cut to a maximum length. It may contain internals of the application,
/// so it is logged but never sent to a peer.
#[must_use]
pub fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.map_or_else(|| "a value that is no text".into(), |text| excerpt(text, MAX_TEXT))
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn the_text_of_a_panic_is_shown_on_one_line() {
        let text = |panics: fn()| panic_text(&*catch_unwind(panics).expect_err("a panic"));
        assert_eq!(text(|| panic!("a\nb")), "a b");
        assert_eq!(text(|| panic!("number {}", 7)), "number 7");
        assert_eq!(text(|| std::panic::panic_any(7)), "a value that is no text");
        assert!(text(|| panic!("{}", "long".repeat(1000))).len() < 600);
    }
}
