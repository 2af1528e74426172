//! Which mutants a run takes: a sample by a seed, a shard by its number.

use std::str::FromStr;

use serde_json::Value;

/// One change that cargo-mutants makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mutant {
    /// Such as `rpc-core/src/close.rs:12:5: replace f -> bool with true`.
    pub(super) name: String,
}

impl Mutant {
    /// Reads an entry of `cargo mutants --list --json`.
    pub(super) fn parse(entry: &Value) -> Result<Self, String> {
        let name = entry["name"].as_str().ok_or_else(|| format!("a mutant without a name: {entry}"))?;
        Ok(Self { name: name.to_owned() })
    }

    /// The file that it changes.
    pub(super) fn file(&self) -> &str {
        self.name.split_once(':').map_or(&self.name, |(file, _)| file)
    }

    /// A regular expression that matches this mutant only.
    pub(super) fn pattern(&self) -> String {
        let mut pattern = String::from("^");
        for c in self.name.chars() {
            // Not `<` and `>`, which mean something only behind a backslash.
            if r"\.+*?()|[]{}^$#&-~".contains(c) {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern + "$"
    }
}

/// One part of `of` equal ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    number: usize,
    of: usize,
}

impl Shard {
    /// Those of the mutants that are in this shard.
    pub(super) fn of(self, mutants: Vec<Mutant>) -> Vec<Mutant> {
        let numbered = mutants.into_iter().enumerate();
        numbered.filter(|(at, _)| at % self.of == self.number).map(|(_, mutant)| mutant).collect()
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

/// A sample of this size, the same for the same seed and list, in the order of the list.
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
        (0..count).map(|n| Mutant { name: format!("m{n}") }).collect()
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

    #[test]
    fn a_pattern_takes_a_name_literally() {
        let mutant = Mutant { name: "a.rs:1: f -> bool: replace + with *".into() };
        assert_eq!(mutant.pattern(), r"^a\.rs:1: f \-> bool: replace \+ with \*$");
    }
}
