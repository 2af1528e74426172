//! What is said of a result, or of an item, that is not of the type that was expected.

use serde::de::Error as _;

use crate::error::ErrorDetail;
use crate::excerpt::excerpt;
use crate::message::without_value;
use crate::redact::excerpt_of_reply;

/// Characters of serde's error that are shown.
const MAX_ERROR: usize = 200;

/// Why a result, or an item of one, is not of the type that was expected: what came instead.
pub(super) fn undecodable(
    what: &str,
    error: &serde_json::Error,
    text: &[u8],
    sensitive: bool,
) -> ErrorDetail {
    if sensitive {
        return format!("the {what} does not have the expected type; it is sensitive and not shown").into();
    }
    let why = excerpt(&without_value(&error.to_string()), MAX_ERROR);
    let text = format!("{why}; the {what}: {}", excerpt_of_reply(&String::from_utf8_lossy(text)));
    // serde's own error may quote a secret.
    ErrorDetail::quoting(text, serde_json::Error::custom(why))
}
