//! The outcomes at this commit so far, in a file of the target folder: an interrupted run continues from it,
//! and no mutant runs twice.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::Write,
    path::Path,
};

use super::choice::Mutant;
use super::results::Outcome;

pub(super) struct Journal {
    file: File,
    known: BTreeMap<String, Outcome>,
}

impl Journal {
    /// Reads the file, or starts a new one if it is of another commit.
    pub(super) fn open(path: &Path, commit: &str) -> Result<Self, String> {
        let error = |e| format!("cannot write {}: {e}", path.display());
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut lines = text.lines();
        if lines.next() == Some(commit) {
            let known = lines.filter_map(|line| {
                let (outcome, name) = line.split_once(' ')?;
                Some((name.to_owned(), Outcome::parse(outcome)?))
            });
            let file = OpenOptions::new().append(true).open(path).map_err(error)?;
            return Ok(Self { file, known: known.collect() });
        }
        let mut file = File::create(path).map_err(error)?;
        writeln!(file, "{commit}").map_err(error)?;
        Ok(Self { file, known: BTreeMap::new() })
    }

    pub(super) fn known(&self, name: &str) -> Option<Outcome> {
        self.known.get(name).copied()
    }

    /// Records an outcome, and prints it.
    pub(super) fn add(&mut self, mutant: &Mutant, outcome: Outcome) -> Result<(), String> {
        println!("{outcome:?}: {}", mutant.name);
        self.note(&mutant.name, outcome)
    }

    fn note(&mut self, name: &str, outcome: Outcome) -> Result<(), String> {
        self.known.insert(name.to_owned(), outcome);
        writeln!(self.file, "{outcome:?} {name}").map_err(|e| format!("cannot note a result: {e}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_known_to_the_next_run_at_the_same_commit() {
        let path = std::env::temp_dir().join(format!("mutants-journal-{}", std::process::id()));
        let mut first = Journal::open(&path, "c1").expect("a file");
        first.note("a.rs:1:1: x", Outcome::Timeout).expect("it is open");
        assert_eq!(Journal::open(&path, "c1").expect("a file").known("a.rs:1:1: x"), Some(Outcome::Timeout));
        assert_eq!(Journal::open(&path, "c2").expect("a file").known("a.rs:1:1: x"), None);
        fs::remove_file(path).expect("it is there");
    }
}
