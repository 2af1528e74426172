//! JSON strings with escapes.

/// The value of a string from the text between its quotes. `None` if it has no escapes, or has half a
/// surrogate pair, which is valid JSON but not valid text.
pub(super) fn unescaped(inner: &str) -> Option<String> {
    has_escapes(inner).then(|| serde_json::from_str(&format!("\"{inner}\"")).ok())?
}

/// Whether the text between the quotes of a string has escapes.
pub(super) fn has_escapes(inner: &str) -> bool {
    inner.as_bytes().contains(&b'\\')
}
