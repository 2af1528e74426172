//! What methods have marked as sensitive: `#[rpc(sensitive)]`.

use std::ops::Range;
use std::sync::{Once, PoisonError, RwLock};

use super::keys::is_secret;
use crate::message::{array_elements, object_members};

/// What of the messages of one method no log may show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sensitive {
    /// The method's wire name.
    pub method: &'static str,
    /// The parameters that are not shown: position and wire name.
    pub params: &'static [(usize, &'static str)],
    /// Whether nothing of the params is shown, as of a method with `params = "single"`.
    pub all_params: bool,
    /// Whether the result is not shown.
    pub result: bool,
}

/// The marks of one trait. Generated code has them in a `static`, and sets them before the first message.
///
/// They hold for the whole process, as the log does: whoever calls or serves a method of that name, by
/// whichever way, has its messages logged without them.
#[derive(Debug)]
pub struct Marks {
    once: Once,
    marks: &'static [Sensitive],
}

impl Marks {
    /// Marks that are to be set.
    #[must_use]
    pub const fn new(marks: &'static [Sensitive]) -> Self {
        Self { once: Once::new(), marks }
    }

    /// Has logs leave out what is marked. It costs one load but for the first time.
    pub fn set(&self) {
        self.once.call_once(|| {
            let new = self.marks.iter().map(|mark| Mark {
                method: mark.method.into(),
                params: mark.params.to_vec(),
                all_params: mark.all_params,
                result: mark.result,
            });
            add(new);
        });
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    method: Box<str>,
    params: Vec<(usize, &'static str)>,
    all_params: bool,
    result: bool,
}

/// One for each method that the program marks: they come from its code, never from a peer.
static MARKS: RwLock<Vec<Mark>> = RwLock::new(Vec::new());

fn add(new: impl Iterator<Item = Mark>) {
    let mut marks = MARKS.write().unwrap_or_else(PoisonError::into_inner);
    for mark in new {
        if !marks.contains(&mark) {
            marks.push(mark);
        }
    }
}

/// Marks the parameters of a method whose names say that they are secrets: by position their names are not
/// sent.
pub(crate) fn mark_names(methods: &[&str], params: &'static [&'static str]) {
    let secret = || params.iter().copied().enumerate().filter(|(_, name)| is_secret(name));
    if secret().next().is_none() {
        return;
    }
    add(methods.iter().map(|method| Mark {
        method: (*method).into(),
        params: secret().collect(),
        all_params: false,
        result: false,
    }));
}

/// Marks a method as another one is: it is served under a further name.
pub(crate) fn copy_marks(from: &str, to: &str) {
    let mut copied = Vec::new();
    each(from, |mark| copied.push(Mark { method: to.into(), ..mark.clone() }));
    if !copied.is_empty() {
        add(copied.into_iter());
    }
}

/// Calls with each mark of a method.
fn each(method: &str, mark: impl FnMut(&Mark)) {
    let marks = MARKS.read().unwrap_or_else(PoisonError::into_inner);
    marks.iter().filter(|of| *of.method == *method).for_each(mark);
}

/// Whether the result of a method is not to be shown.
pub(crate) fn hides_result(method: &str) -> bool {
    let mut hides = false;
    each(method, |mark| hides |= mark.result);
    hides
}

/// Finds the parts of params that a method has marked; `at` is where they are in their message.
pub(crate) fn hidden_params(method: &str, params: &str, at: usize, hidden: &mut Vec<Range<usize>>) {
    each(method, |mark| {
        if mark.all_params {
            hidden.push(at..at + params.len());
            return;
        }
        let offset = |value: &str| {
            let start = at + (value.as_ptr() as usize - params.as_ptr() as usize);
            start..start + value.len()
        };
        let mut position = 0;
        array_elements(params, |value| {
            if mark.params.iter().any(|(marked, _)| *marked == position) {
                hidden.push(offset(value));
            }
            position += 1;
        });
        object_members(params, |name, value| {
            if mark.params.iter().any(|(_, marked)| *marked == name) {
                hidden.push(offset(value));
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::redacted;

    fn shown(method: &str, params: &str) -> String {
        let mut hidden = Vec::new();
        hidden_params(method, params, 0, &mut hidden);
        redacted(params, 200, hidden)
    }

    #[test]
    fn marked_parameters_are_hidden_by_position_and_by_name() {
        static MARKS: Marks = Marks::new(&[
            Sensitive { method: "marks.login", params: &[(1, "pin")], all_params: false, result: true },
            Sensitive { method: "marks.load", params: &[], all_params: true, result: false },
        ]);
        MARKS.set();
        assert_eq!(shown("marks.login", r#"["ann", 1234, true]"#), r#"["ann", "<hidden>", true]"#);
        assert_eq!(
            shown("marks.login", r#"{"user":"ann","p\u0069n":[1]}"#),
            r#"{"user":"ann","p\u0069n":"<hidden>"}"#
        );
        assert_eq!(shown("marks.load", r#"{"card":"1"}"#), r#""<hidden>""#);
        assert_eq!(shown("marks.other", "[1234]"), "[1234]");
        assert!(hides_result("marks.login") && !hides_result("marks.load"));
    }

    #[test]
    fn parameters_named_like_secrets_are_hidden_by_position_too() {
        mark_names(&["marks.sign_in", "marks.old_name"], &["user", "password"]);
        assert_eq!(shown("marks.old_name", r#"["ann","hunter2"]"#), r#"["ann","<hidden>"]"#);
        copy_marks("marks.old_name", "nested.old_name");
        assert_eq!(shown("nested.old_name", r#"["ann","hunter2"]"#), r#"["ann","<hidden>"]"#);
    }
}
