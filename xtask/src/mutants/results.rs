//! `xtask/mutants/results.json`: the outcomes of all shards at a commit, and `results.md` for readers.
//! Reasons for missed mutants are in `reasons.json`, by the mutant's name without its line and column.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::choice::without_place;

/// The outcome of testing a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Caught,
    /// The tests exceeded the time limit, so the mutant counts as caught.
    Timeout,
    Missed,
    /// It does not compile.
    Unbuildable,
}

impl Outcome {
    /// Parses the output of `Debug`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let all = [Self::Caught, Self::Timeout, Self::Missed, Self::Unbuildable];
        all.into_iter().find(|outcome| format!("{outcome:?}") == text)
    }
}

/// The results for a commit.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Results {
    /// The commit, and how the mutants were chosen.
    of: Choice,
    shards: BTreeMap<String, Found>,
    /// The outcomes for files that were added later, by the commit of the run.
    #[serde(default)]
    added: BTreeMap<String, Found>,
    /// Missed mutants that tests of a later commit catch.
    #[serde(default)]
    since: Since,
    #[serde(skip)]
    reasons: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Choice {
    pub(super) commit: String,
    /// The size of the sample, and its seed.
    pub(super) sample: usize,
    pub(super) seed: u64,
    pub(super) shards: usize,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Found {
    modules: BTreeMap<String, Counts>,
    missed: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Counts {
    caught: usize,
    timed_out: usize,
    missed: usize,
    unbuildable: usize,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Since {
    commit: String,
    caught: BTreeSet<String>,
    /// Those whose code has moved or is no more.
    #[serde(default)]
    gone: BTreeSet<String>,
}

impl Results {
    /// Reads the results of earlier runs.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let mut results: Self = read_json(&folder.join("results.json"))?.unwrap_or_default();
        results.reasons = read_json(&folder.join("reasons.json"))?.unwrap_or_default();
        Ok(results)
    }

    /// Adds the outcomes of a shard. Earlier outcomes stay if the mutants were chosen in the same way.
    pub(super) fn add(&mut self, of: Choice, shard: String, found: &[(String, Outcome)]) {
        if self.of != of {
            *self = Self { of, reasons: std::mem::take(&mut self.reasons), ..Self::default() };
        }
        self.shards.insert(shard, Found::of(found));
    }

    /// Adds the outcomes for files that were not there when the others were run.
    pub(super) fn add_files(&mut self, commit: String, found: &[(String, Outcome)]) {
        self.added.insert(commit, Found::of(found));
    }

    /// Adds the outcomes of missed mutants at a later commit, by their names without places.
    pub(super) fn add_later(&mut self, commit: String, caught: BTreeSet<String>, gone: BTreeSet<String>) {
        self.since.commit = commit;
        self.since.caught.extend(caught);
        self.since.gone.extend(gone);
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), String> {
        let json = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        let write = |name: &str, text: String| {
            fs::write(folder.join(name), text).map_err(|e| format!("cannot write {name}: {e}"))
        };
        fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
        write("results.json", json + "\n")?;
        write("results.md", self.page())
    }

    /// The counts in one line.
    pub(super) fn summary(&self) -> String {
        let all = self.modules().into_values().fold(Counts::default(), Counts::plus);
        let (built, missed) = (all.caught + all.timed_out + all.missed, self.missed().count());
        let gone = self.missed_first().filter(|name| self.is_gone(name)).count();
        let percent = 100.0 * missed as f64 / built.max(1) as f64;
        format!(
            "{built} mutants build: {} are caught, {} time out, {} are caught by tests that were added \
             later, the code of {gone} has changed since, {missed} are missed ({percent:.1} %), {} of them \
             without a reason; {} mutants do not build",
            all.caught,
            all.timed_out,
            all.missed - missed - gone,
            self.unexplained(),
            all.unbuildable
        )
    }

    /// The number of missed mutants without a reason.
    pub(super) fn unexplained(&self) -> usize {
        self.missed_without_reason().count()
    }

    /// The mutants that no test has caught yet, and that have no reason.
    pub(super) fn missed_without_reason(&self) -> impl Iterator<Item = &str> {
        self.missed().filter(|name| !self.reasons.contains_key(&without_place(name)))
    }

    /// The mutants that no test has caught yet.
    fn missed(&self) -> impl Iterator<Item = &str> {
        let known = |name: &str| self.since.caught.contains(&without_place(name)) || self.is_gone(name);
        self.missed_first().filter(move |name| !known(name))
    }

    fn runs(&self) -> impl Iterator<Item = &Found> {
        self.shards.values().chain(self.added.values())
    }

    /// The mutants that the runs have missed, whatever later tests catch.
    fn missed_first(&self) -> impl Iterator<Item = &str> {
        self.runs().flat_map(|run| &run.missed).map(String::as_str)
    }

    /// Whether the code of a mutant has changed, so that it cannot be made any more.
    fn is_gone(&self, name: &str) -> bool {
        self.since.gone.contains(&without_place(name))
    }

    fn modules(&self) -> BTreeMap<&str, Counts> {
        let mut modules = BTreeMap::<&str, Counts>::new();
        for (module, counts) in self.runs().flat_map(|run| &run.modules) {
            let sum = modules.entry(module).or_default();
            *sum = sum.plus(*counts);
        }
        modules
    }

    fn page(&self) -> String {
        let Choice { commit, sample, seed, shards } = &self.of;
        let mut page = format!(
            "# Mutants\n\nWritten by `cargo xtask mutants` at commit {commit}, with a sample of {sample} by \
             seed {seed}.\n{} of {shards} shards were run.\n\n{}.\n\n\
             | module | caught | timed out | missed | do not build |\n|---|---|---|---|---|\n",
            self.shards.len(),
            self.summary(),
        );
        for (module, counts) in self.modules() {
            let Counts { caught, timed_out, missed, unbuildable } = counts;
            page += &format!("| `{module}` | {caught} | {timed_out} | {missed} | {unbuildable} |\n");
        }
        for (commit, run) in &self.added {
            let counts = run.modules.values().copied().fold(Counts::default(), Counts::plus);
            let built = counts.caught + counts.timed_out + counts.missed;
            page +=
                &format!("\n{built} of them are of files that were added later, run at commit {commit}.\n");
        }
        if !self.since.caught.is_empty() {
            page += &format!(
                "\n{} kinds of those missed are caught by tests that were there at commit {}.\n",
                self.since.caught.len(),
                self.since.commit
            );
        }
        if self.missed().next().is_some() {
            page += "\n| missed | reason |\n|---|---|\n";
        }
        let mut missed: Vec<_> = self.missed().collect();
        missed.sort_unstable();
        for name in missed {
            let reason = self.reasons.get(&without_place(name)).map_or("none yet", String::as_str);
            page += &format!("| `{}` | {reason} |\n", name.replace('|', "\\|"));
        }
        page
    }
}

impl Found {
    fn of(found: &[(String, Outcome)]) -> Self {
        let mut entry = Self::default();
        for (name, outcome) in found {
            let counts = entry.modules.entry(module(name)).or_default();
            *match outcome {
                Outcome::Caught => &mut counts.caught,
                Outcome::Timeout => &mut counts.timed_out,
                Outcome::Missed => &mut counts.missed,
                Outcome::Unbuildable => &mut counts.unbuildable,
            } += 1;
            if *outcome == Outcome::Missed {
                entry.missed.push(name.clone());
            }
        }
        entry
    }
}

impl Counts {
    fn plus(self, other: Self) -> Self {
        Self {
            caught: self.caught + other.caught,
            timed_out: self.timed_out + other.timed_out,
            missed: self.missed + other.missed,
            unbuildable: self.unbuildable + other.unbuildable,
        }
    }
}

/// The folder in `src` of a mutant, as in `rpc-core/src/connection`.
fn module(name: &str) -> String {
    let file = name.split(':').next().unwrap_or(name);
    file.splitn(4, '/').take(3).collect::<Vec<_>>().join("/")
}

/// The value in a file; `None` if there is no file.
fn read_json<T: for<'de> Deserialize<'de>>(path: &PathBuf) -> Result<Option<T>, String> {
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    serde_json::from_str(&text).map(Some).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISSED: &str = "a/src/b/c.rs:1:5: replace f with ()";

    fn choice(commit: &str) -> Choice {
        Choice { commit: commit.into(), sample: 200, seed: 1, shards: 2 }
    }

    fn missed() -> Results {
        let mut results = Results::default();
        results.add(choice("c1"), "0".into(), &[(MISSED.into(), Outcome::Missed)]);
        results
    }

    #[test]
    fn shards_of_a_commit_add_up_and_another_commit_begins_anew() {
        let folder = std::env::temp_dir().join(format!("mutants-{}", std::process::id()));
        missed().write(&folder).expect("a folder");
        let mut results = Results::read(&folder).expect("it was written");
        let caught = [("a/src/b/d.rs:1:1: x".to_owned(), Outcome::Caught)];
        results.add(choice("c1"), "1".into(), &caught);
        results.add(choice("c1"), "1".into(), &caught);
        assert!(results.summary().starts_with("2 mutants build: 1 are caught"), "{}", results.summary());
        assert!(results.page().contains("| `a/src/b` | 1 | 0 | 1 | 0 |"), "{}", results.page());
        results.add(choice("c2"), "1".into(), &caught);
        assert!(results.summary().starts_with("1 mutants build: 1 are caught"), "{}", results.summary());
        fs::remove_dir_all(folder).expect("it is there");
    }

    #[test]
    fn files_that_were_added_later_count_too() {
        let mut results = missed();
        results.add_files("c2".into(), &[("a/src/d/e.rs:1:1: y".into(), Outcome::Missed)]);
        assert!(results.summary().contains("2 are missed"), "{}", results.summary());
        assert!(results.page().contains("run at commit c2") && results.page().contains("`a/src/d`"));
    }

    #[test]
    fn a_reason_holds_wherever_the_line_is() {
        let mut results = missed();
        assert_eq!(results.unexplained(), 1);
        results.reasons.insert("a/src/b/c.rs: replace f with ()".into(), "it cannot be seen".into());
        assert_eq!(results.unexplained(), 0);
        assert!(results.page().contains("it cannot be seen"));
    }

    #[test]
    fn what_later_tests_catch_is_not_missed() {
        let mut results = missed();
        results.add_later("c2".into(), BTreeSet::from([without_place(MISSED)]), BTreeSet::new());
        assert_eq!(results.missed().count(), 0);
        assert!(results.page().contains("at commit c2"));
    }

    #[test]
    fn a_mutant_whose_code_has_moved_is_no_longer_missed_and_not_caught() {
        let mut results = missed();
        results.add_later("c2".into(), BTreeSet::new(), BTreeSet::from([without_place(MISSED)]));
        assert_eq!((results.missed().count(), results.unexplained()), (0, 0));
        assert!(results.summary().contains("0 are caught by tests that were added later, the code of 1 has"));
    }
}
