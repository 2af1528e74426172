//! The parameters and results that methods mark as sensitive: `#[rpc(sensitive)]`.

use std::ops::Range;
use std::sync::{Once, PoisonError, RwLock};

use super::keys::is_secret;
use crate::message::{array_elements, object_members};

/// The parts of one method's messages that logs must not contain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sensitive {
    /// The method's wire name.
    pub method: &'static str,
    /// The parameters that are hidden: position and wire name.
    pub params: &'static [(usize, &'static str)],
    /// Whether all params are hidden, as for a method with `params = "single"`.
    pub all_params: bool,
    /// Whether the result is hidden.
    pub result: bool,
}

/// The marks of one trait. Generated code keeps them in a `static`, and sets them before the first message.
///
/// Marks hold for the whole process, as the log does: they apply to every message of a method of that name,
/// however the method is called or served.
#[derive(Debug)]
pub struct Marks {
    once: Once,
    marks: &'static [Sensitive],
}

impl Marks {
    /// Creates marks that have no effect before [`Marks::set`].
    #[must_use]
    pub const fn new(marks: &'static [Sensitive]) -> Self {
        Self { once: Once::new(), marks }
    }

    /// Makes logs omit what is marked. After the first time this costs one load.
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

/// One entry for each method that the program marks. Marks come from the program's code, never from a peer.
static MARKS: RwLock<Vec<Mark>> = RwLock::new(Vec::new());

fn add(new: impl Iterator<Item = Mark>) {
    let mut marks = MARKS.write().unwrap_or_else(PoisonError::into_inner);
    for mark in new {
        if !marks.contains(&mark) {
            marks.push(mark);
        }
    }
}

/// Marks the parameters of a method whose names are those of secrets: when params are sent by position, their
/// names are not in the message.
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

/// Copies the marks of a method to a further name of it.
pub(crate) fn copy_marks(from: &str, to: &str) {
    let mut copied = Vec::new();
    each(from, |mark| copied.push(Mark { method: to.into(), ..mark.clone() }));
    if !copied.is_empty() {
        add(copied.into_iter());
    }
}

/// Calls `mark` with each mark of a method.
fn each(method: &str, mark: impl FnMut(&Mark)) {
    let marks = MARKS.read().unwrap_or_else(PoisonError::into_inner);
    marks.iter().filter(|of| *of.method == *method).for_each(mark);
}

/// Whether a mark of some method has this property of its params and its result: whether a part of them is
/// hidden.
pub(super) fn any_mark(has: impl Fn(bool, bool) -> bool) -> bool {
    let marks = MARKS.read().unwrap_or_else(PoisonError::into_inner);
    marks.iter().any(|mark| has(mark.all_params || !mark.params.is_empty(), mark.result))
}

/// Whether the result of a method is hidden.
pub(super) fn hides_result(method: &str) -> bool {
    let mut hides = false;
    each(method, |mark| hides |= mark.result);
    hides
}

/// Finds the marked parts of a method's params. `at` is the position of the params in their message.
pub(super) fn hidden_params(method: &str, params: &str, at: usize, hidden: &mut Vec<Range<usize>>) {
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
