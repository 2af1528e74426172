//! `xtask/mutants/results.json`: what became of each mutant at a commit, and `results.md` for readers. The
//! reasons for mutants that may be missed are in `reasons.json`, by the mutant's name without its line and
//! column.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// What the tests make of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Caught,
    /// The tests did not end in time: a caller would notice.
    Timeout,
    Missed,
    /// It does not compile.
    Unviable,
}

impl Outcome {
    /// From cargo-mutants' word.
    pub(super) fn of_summary(summary: &str) -> Self {
        match summary {
            "CaughtMutant" => Self::Caught,
            "Timeout" => Self::Timeout,
            "Unviable" => Self::Unviable,
            _ => Self::Missed,
        }
    }
}

/// All that is known of one commit.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Results {
    commit: String,
    /// The seed of the sample.
    seed: String,
    mutants: BTreeMap<String, Outcome>,
    #[serde(skip)]
    reasons: BTreeMap<String, String>,
}

impl Results {
    /// What earlier runs found at this commit; nothing if they were of another.
    pub(super) fn read(folder: &Path, commit: &str) -> Result<Self, String> {
        let earlier = read_json::<Self>(&folder.join("results.json"))?.filter(|found| found.commit == commit);
        let mut results = earlier.unwrap_or_default();
        results.commit = commit.to_owned();
        results.reasons = read_json(&folder.join("reasons.json"))?.unwrap_or_default();
        Ok(results)
    }

    pub(super) fn add(&mut self, seed: &str, found: BTreeMap<String, Outcome>) {
        self.seed = seed.to_owned();
        self.mutants.extend(found);
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

    /// One line of numbers.
    pub(super) fn summary(&self) -> String {
        let count = |outcome| self.mutants.values().filter(|found| **found == outcome).count();
        let [caught, timeout, missed, unviable] =
            [Outcome::Caught, Outcome::Timeout, Outcome::Missed, Outcome::Unviable].map(count);
        let built = caught + timeout + missed;
        let percent = 100.0 * missed as f64 / built.max(1) as f64;
        format!(
            "mutants: {built} that build: {caught} caught, {timeout} timed out, {missed} missed \
             ({percent:.1} %), {} of them without a reason; {unviable} do not build",
            self.unexplained()
        )
    }

    /// How many were missed and have no reason.
    pub(super) fn unexplained(&self) -> usize {
        self.missed().filter(|name| !self.reasons.contains_key(&without_place(name))).count()
    }

    fn missed(&self) -> impl Iterator<Item = &str> {
        let missed = self.mutants.iter().filter(|(_, outcome)| **outcome == Outcome::Missed);
        missed.map(|(name, _)| name.as_str())
    }

    fn page(&self) -> String {
        let mut page = format!(
            "# Mutants\n\nWritten by `cargo xtask mutants` at commit {}, with the sample of seed {}.\n\n{}\n",
            self.commit,
            self.seed,
            self.summary()
        );
        if self.missed().next().is_some() {
            page += "\n| missed | reason |\n|---|---|\n";
        }
        for name in self.missed() {
            let reason = self.reasons.get(&without_place(name)).map_or("none yet", String::as_str);
            page += &format!("| `{}` | {reason} |\n", name.replace('|', "\\|"));
        }
        page
    }
}

/// `FILE:LINE:COLUMN: CHANGE` as `FILE: CHANGE`, since lines move.
fn without_place(name: &str) -> String {
    let mut parts = name.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(_), Some(change)) => format!("{file}:{change}"),
        _ => name.to_owned(),
    }
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

    const MISSED: &str = "a.rs:1:5: replace f with ()";

    #[test]
    fn shards_of_a_commit_add_up_and_another_commit_begins_anew() {
        let folder = std::env::temp_dir().join(format!("mutants-{}", std::process::id()));
        let mut first = Results::read(&folder, "c1").expect("nothing is there");
        first.add("1", BTreeMap::from([(MISSED.into(), Outcome::Missed)]));
        first.write(&folder).expect("a folder");
        let mut second = Results::read(&folder, "c1").expect("it was written");
        second.add("1", BTreeMap::from([("b.rs:1:1: x".into(), Outcome::Caught)]));
        assert_eq!(second.mutants.len(), 2);
        assert_eq!(Results::read(&folder, "c2").expect("it was written").mutants.len(), 0);
        fs::remove_dir_all(folder).expect("it is there");
    }

    #[test]
    fn a_reason_holds_wherever_the_line_is() {
        let mut results = Results::default();
        results.add("1", BTreeMap::from([(MISSED.into(), Outcome::Missed)]));
        assert_eq!(results.unexplained(), 1);
        results.reasons.insert("a.rs: replace f with ()".into(), "it cannot be told from outside".into());
        assert_eq!(results.unexplained(), 0);
        assert!(results.page().contains("it cannot be told"));
    }
}
