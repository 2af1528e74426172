//! Names in the spelling of other languages, and each once.

use std::collections::{BTreeMap, BTreeSet};

/// Names that are taken.
#[derive(Default)]
pub(crate) struct Names {
    taken: BTreeSet<String>,
    /// The last number that a name got.
    numbers: BTreeMap<String, u64>,
}

impl Names {
    /// Takes the name, if it is free.
    pub(crate) fn take(&mut self, name: &str) -> bool {
        self.taken.insert(name.to_owned())
    }

    pub(crate) fn is_taken(&self, name: &str) -> bool {
        self.taken.contains(name)
    }

    /// Takes the name with a number, from 2 on.
    pub(crate) fn numbered(&mut self, name: &str) -> String {
        let number = self.numbers.entry(name.to_owned()).or_insert(1);
        loop {
            *number += 1;
            let candidate = format!("{name}{number}");
            if self.taken.insert(candidate.clone()) {
                return candidate;
            }
        }
    }

    /// Takes the first name that is free, else the last one with a number.
    pub(crate) fn first_free<const N: usize>(&mut self, candidates: [String; N]) -> String {
        match candidates.iter().find(|candidate| self.take(candidate)) {
            Some(free) => free.clone(),
            None => self.numbered(candidates.last().map_or("", String::as_str)),
        }
    }
}

/// `page.feed_all` as `PageFeedAll`.
pub(crate) fn pascal(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(capitalised).collect()
}

/// `Testbed` as `testbed`, `HTTPLog` as `httpLog`, `log_of` as `logOf`.
pub(crate) fn camel(name: &str) -> String {
    let name = pascal(name);
    let letters: Vec<char> = name.chars().collect();
    let upper = letters.iter().take_while(|letter| letter.is_uppercase()).count();
    // The last capital of several begins the next word.
    let lowered = if upper > 1 && upper < letters.len() { upper - 1 } else { upper };
    let (first, rest) = letters.split_at(lowered);
    first.iter().flat_map(|letter| letter.to_lowercase()).chain(rest.iter().copied()).collect()
}

/// The function that a method is of, to judge by its name: what is behind the last separator of a namespace.
pub(crate) fn function_of(method: &str) -> &str {
    match method.rsplit(['.', '/', ':']).next() {
        Some(last) if !last.is_empty() => last,
        _ => method,
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_words() {
        assert_eq!(pascal("page.feed_all"), "PageFeedAll");
        assert_eq!(pascal("textDocument/didOpen"), "TextDocumentDidOpen");
        assert_eq!(pascal("$/progress"), "Progress");
        for (name, expected) in
            [("Testbed", "testbed"), ("HTTPLog", "httpLog"), ("API", "api"), ("log_of", "logOf"), ("", "")]
        {
            assert_eq!(camel(name), expected);
        }
    }
}
