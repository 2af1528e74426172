//! Strings of JSON whose text is not what stands between their quotes.

/// What is between the quotes of a string that has escapes. `None` if it has none, or half a surrogate pair,
/// which is JSON, and no text.
pub(super) fn unescaped(inner: &str) -> Option<String> {
    has_escapes(inner).then(|| serde_json::from_str(&format!("\"{inner}\"")).ok())?
}

/// Whether what is between the quotes of a string has escapes.
pub(super) fn has_escapes(inner: &str) -> bool {
    inner.as_bytes().contains(&b'\\')
}
