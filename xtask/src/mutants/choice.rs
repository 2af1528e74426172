//! Chooses the mutants of a run: a sample by a seed, a shard by its number.

use std::{fmt, ops::Range, str::FromStr};

use serde_json::Value;

/// A change that cargo-mutants makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mutant {
    /// For example `rpc-core/src/close.rs:12:5: replace f -> bool with true`.
    pub(super) name: String,
    pub(super) package: String,
    /// The replaced code.
    pub(super) span: Span,
    pub(super) replacement: String,
    /// The function that contains it, from `fn` to the closing brace.
    pub(super) function: Option<Span>,
}

/// Lines and columns, counted from 1; the end is behind the last character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: (usize, usize),
    pub(super) end: (usize, usize),
}

impl Span {
    fn parse(span: &Value) -> Option<Self> {
        let place = |at: &Value| Some((at["line"].as_u64()? as usize, at["column"].as_u64()? as usize));
        Some(Self { start: place(&span["start"])?, end: place(&span["end"])? })
    }

    /// The range of bytes in the file's text.
    pub(super) fn bytes(self, source: &str) -> Range<usize> {
        let offset = |(line, column): (usize, usize)| {
            let before: usize = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
            let chars = source[before..].char_indices().map(|(at, _)| at);
            before + chars.chain([source.len() - before]).nth(column - 1).unwrap_or(0)
        };
        offset(self.start)..offset(self.end)
    }
}

impl Mutant {
    /// Reads an entry of `cargo mutants --list --json`.
    pub(super) fn parse(entry: &Value) -> Result<Self, String> {
        let text = |member: &str| entry[member].as_str().map(str::to_owned);
        let parsed = || {
            Some(Self {
                name: text("name")?,
                package: text("package")?,
                span: Span::parse(&entry["span"])?,
                replacement: text("replacement")?,
                function: Span::parse(&entry["function"]["span"]),
            })
        };
        parsed().ok_or_else(|| format!("this entry is no mutant: {entry}"))
    }

    /// The file that it changes.
    pub(super) fn file(&self) -> &str {
        self.name.split_once(':').map_or(&self.name, |(file, _)| file)
    }

    /// Whether its function returns a type without a name, or is constant: neither can choose between copies.
    pub(super) fn hides_type(&self, source: &str) -> bool {
        self.function.is_none_or(|function| {
            let text = &source[function.bytes(source)];
            text.contains("-> impl ") || text.contains("const fn ") || text.contains("= impl ")
        })
    }

    /// `FILE: CHANGE`, since lines move.
    pub(super) fn without_place(&self) -> String {
        without_place(&self.name)
    }
}

/// `FILE:LINE:COLUMN: CHANGE` as `FILE: CHANGE`.
pub(super) fn without_place(name: &str) -> String {
    let mut parts = name.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(_), Some(change)) => format!("{file}:{change}"),
        _ => name.to_owned(),
    }
}

/// One of `of` equal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    number: usize,
    of: usize,
}

impl Shard {
    /// The mutants in this shard.
    pub(super) fn of(self, mutants: Vec<Mutant>) -> Vec<Mutant> {
        let numbered = mutants.into_iter().enumerate();
        numbered.filter(|(at, _)| at % self.of == self.number).map(|(_, mutant)| mutant).collect()
    }
}

impl Shard {
    /// How many shards there are.
    pub(super) fn count(self) -> usize {
        self.of
    }
}

impl Default for Shard {
    /// All mutants in one shard.
    fn default() -> Self {
        Self { number: 0, of: 1 }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(n, of)| Some((n.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((number, of)) if number < of => Ok(Self { number, of }),
            _ => Err(format!("`{text}` is not a shard: 0/4 to 3/4 are those of four")),
        }
    }
}

/// A sample of this size, in the order of the list. It is the same for the same seed and list.
pub(super) fn choose(mutants: Vec<Mutant>, size: usize, seed: u64) -> Vec<Mutant> {
    let mut state = seed;
    let mut keyed: Vec<_> =
        mutants.into_iter().enumerate().map(|(at, mutant)| (next(&mut state), at, mutant)).collect();
    keyed.sort_by_key(|(key, at, _)| (*key, *at));
    keyed.truncate(size);
    keyed.sort_by_key(|(_, at, _)| *at);
    keyed.into_iter().map(|(_, _, mutant)| mutant).collect()
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutants(count: usize) -> Vec<Mutant> {
        let span = Span { start: (1, 1), end: (1, 1) };
        let of = |n| Mutant {
            name: format!("m{n}"),
            package: "p".into(),
            span,
            replacement: String::new(),
            function: None,
        };
        (0..count).map(of).collect()
    }

    #[test]
    fn a_seed_chooses_the_same_sample_each_time() {
        let sample = choose(mutants(100), 10, 3);
        assert_eq!(sample.len(), 10);
        assert_eq!(sample, choose(mutants(100), 10, 3));
        assert_ne!(sample, choose(mutants(100), 10, 4));
        assert_eq!(choose(mutants(5), 10, 3), mutants(5));
    }

    #[test]
    fn shards_are_disjoint_and_complete() {
        let mut all: Vec<_> = (0..3).flat_map(|number| Shard { number, of: 3 }.of(mutants(10))).collect();
        all.sort_by_key(|mutant| mutant.name.clone());
        assert_eq!(all, mutants(10));
    }
}
