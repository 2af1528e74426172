//! All mutants of a file in one source text: each is a copy of its function's body, and an environment
//! variable chooses the copy that runs. So the tests are built once, not once for each mutant.

use std::ops::Range;

use super::choice::Mutant;

/// The environment variable that has the number of the chosen mutant.
pub(super) const CHOSEN: &str = "BIRPC_MUTANT";

/// The environment variable with the path of a file, to which the numbers of the mutants are written whose
/// functions were called.
pub(super) const REACHED: &str = "BIRPC_REACHED";

/// Code for the root of a crate that contains switched files.
pub(super) const CHOICE: &str = r#"
#[doc(hidden)]
pub(crate) fn __mutant(number: usize) -> bool {
    use std::{collections::HashSet, fs::File, io::Write, sync::{LazyLock, Mutex}};
    static CHOSEN: LazyLock<usize> =
        LazyLock::new(|| std::env::var("BIRPC_MUTANT").map_or(0, |n| n.parse().expect("a number")));
    static REACHED: LazyLock<Option<Mutex<(File, HashSet<usize>)>>> = LazyLock::new(|| {
        let path = std::env::var_os("BIRPC_REACHED")?;
        let file = File::options().append(true).create(true).open(path).expect("a file");
        Some(Mutex::new((file, HashSet::new())))
    });
    if let Some(reached) = &*REACHED {
        let (file, numbers) = &mut *reached.lock().expect("nothing panics");
        if numbers.insert(number) {
            file.write_all(format!("{number}\n").as_bytes()).expect("it is open");
        }
    }
    *CHOSEN == number
}
"#;

/// A source text that contains mutants, and their places.
pub(super) struct Switched {
    pub(super) text: String,
    functions: Vec<Function>,
}

struct Function {
    lines: Range<usize>,
    copies: Vec<(Range<usize>, usize)>,
}

impl Switched {
    /// Writes the mutants into the text of their file, each with its number. Leaves out changes outside of
    /// functions, and in functions within functions.
    pub(super) fn new(source: &str, mutants: &[(usize, &Mutant)]) -> Self {
        let mut bodies: Vec<(Range<usize>, Vec<_>)> = Vec::new();
        for (number, mutant) in mutants {
            let Some(body) = mutant.function.as_ref().and_then(|f| body(source, f.bytes(source))) else {
                continue;
            };
            match bodies.iter_mut().find(|(known, _)| *known == body) {
                Some((_, among)) => among.push((*number, *mutant)),
                None => bodies.push((body, vec![(*number, *mutant)])),
            }
        }
        bodies.sort_by_key(|(body, _)| body.start);
        let mut switched = Self { text: String::new(), functions: Vec::new() };
        let mut done = 0;
        for (body, mutants) in bodies {
            if body.start < done {
                continue;
            }
            switched.text += &source[done..body.start];
            done = body.end;
            switched.function(source, body, &mutants);
        }
        switched.text += &source[done..];
        switched
    }

    fn function(&mut self, source: &str, body: Range<usize>, mutants: &[(usize, &Mutant)]) {
        let first = self.line();
        let mut copies = Vec::new();
        self.text += "{";
        for (number, mutant) in mutants {
            self.text += &format!(" if crate::__mutant({number})\n");
            let from = self.line();
            let change = mutant.span.bytes(source);
            self.text += &source[body.start..change.start];
            self.text += &mutant.replacement;
            self.text += &source[change.end..body.end];
            copies.push((from..self.line() + 1, *number));
            self.text += "\nelse";
        }
        self.text += " ";
        self.text += &source[body];
        self.text += "}";
        self.functions.push(Function { lines: first..self.line() + 1, copies });
    }

    fn line(&self) -> usize {
        self.text.matches('\n').count() + 1
    }

    /// The mutants in this line; `of_function` means all those of the function that the line is in.
    pub(super) fn at(&self, line: usize, of_function: bool) -> Vec<usize> {
        let functions = self.functions.iter().filter(|function| function.lines.contains(&line));
        let copies = functions.flat_map(|function| &function.copies);
        copies.filter(|(lines, _)| of_function || lines.contains(&line)).map(|(_, number)| *number).collect()
    }

    /// The mutants that are in the text.
    pub(super) fn numbers(&self) -> impl Iterator<Item = usize> {
        self.functions.iter().flat_map(|function| &function.copies).map(|(_, number)| *number)
    }
}

/// The text of a file with this mutant alone, which always runs.
pub(super) fn apply(source: &str, mutant: &Mutant) -> String {
    let mut text = source.to_owned();
    text.replace_range(mutant.span.bytes(source), &mutant.replacement);
    text
}

/// The range of a function's body with its braces: from the first brace outside of brackets and comments.
fn body(source: &str, function: Range<usize>) -> Option<Range<usize>> {
    let (mut open, mut comment, mut before) = (0_i32, false, ' ');
    for (at, c) in source[function.clone()].char_indices() {
        match c {
            '\n' => comment = false,
            _ if comment => {}
            '/' if before == '/' => comment = true,
            '(' | '[' => open += 1,
            ')' | ']' => open -= 1,
            '{' if open == 0 => return Some(function.start + at..function.end),
            _ => {}
        }
        before = c;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::choice::Span;
    use super::*;

    const SOURCE: &str =
        "const N: u8 = 1 + 1;\n/// {(\nfn f(a: [u8; 2]) -> u8 {\n    a[0] + N\n}\nfn g() {}\n";

    fn mutant(name: &str, span: [usize; 4], replacement: &str, function: Option<[usize; 4]>) -> Mutant {
        let span_of = |[line, column, to, end]: [usize; 4]| Span { start: (line, column), end: (to, end) };
        Mutant {
            name: name.into(),
            package: "p".into(),
            span: span_of(span),
            replacement: replacement.into(),
            function: function.map(span_of),
        }
    }

    #[test]
    fn each_mutant_is_a_copy_of_its_functions_body() {
        let f = Some([2, 1, 5, 2]);
        let (zero, minus) = (mutant("zero", [4, 5, 4, 13], "0", f), mutant("minus", [4, 10, 4, 11], "-", f));
        let outside = mutant("outside", [1, 17, 1, 18], "-", None);
        let switched = Switched::new(SOURCE, &[(7, &zero), (8, &minus), (9, &outside)]);
        let expected = "fn f(a: [u8; 2]) -> u8 { if crate::__mutant(7)\n{\n    0\n}\n\
            else if crate::__mutant(8)\n{\n    a[0] - N\n}\n\
            else {\n    a[0] + N\n}}\nfn g() {}\n";
        assert!(switched.text.ends_with(expected), "{}", switched.text);
        assert_eq!(switched.numbers().collect::<Vec<_>>(), [7, 8]);
        assert_eq!(switched.at(5, false), [7]);
        assert_eq!(switched.at(3, false), [0_usize; 0]);
        assert_eq!(switched.at(3, true), [7, 8]);
        assert_eq!(apply(SOURCE, &outside), SOURCE.replace("1 + 1", "1 - 1"));
    }
}
