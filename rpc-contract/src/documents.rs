//! What the documents have in common.

use serde::Serialize;

use crate::content::Content;

/// About the application.
#[derive(Serialize)]
pub(crate) struct Info<'a> {
    title: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
}

impl<'a> Info<'a> {
    pub(crate) fn new(content: &'a Content) -> Self {
        Self { title: &content.title, version: &content.version, description: &content.description }
    }
}

/// Documents are values of JSON with text keys, which serde_json always writes.
pub(crate) fn pretty(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

pub(crate) fn compact(document: &impl Serialize) -> String {
    serde_json::to_string(document).unwrap_or_default()
}

/// A part of a JSON pointer.
pub(crate) fn pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}

/// Text that does not end a comment: generators copy texts into comments, and do not see where those end.
pub(crate) fn commentable(text: &str) -> String {
    text.replace("*/", "* /")
}
