//! A copy of the commit in the target folder, in which mutants are built.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::choice::Mutant;
use super::switch::{CHOICE, Switched, apply};
use crate::tools::output;

/// The features and tests that are built.
const WHAT: &[&str] =
    &["--all-features", "-p", "birpc", "-p", "birpc-core", "-p", "birpc-server", "--lib", "--test", "it"];

pub(super) struct Tree {
    root: PathBuf,
    /// The files at the commit.
    sources: BTreeMap<String, String>,
}

/// A program with tests.
#[derive(Clone, Debug)]
pub(super) struct Built {
    /// The package of unit tests, `it` for the integration tests.
    pub(super) name: String,
    pub(super) program: PathBuf,
    /// The folder of its package.
    pub(super) folder: PathBuf,
}

/// Mutants that are built at once.
pub(super) struct AtOnce {
    pub(super) built: Vec<Built>,
    pub(super) switched: BTreeSet<usize>,
    /// The mutants that never compile.
    pub(super) broken: BTreeSet<usize>,
}

/// The result of a build.
enum Build {
    Done(Vec<Built>),
    /// The files and lines that errors name, as their causes or in other places.
    Failed {
        causes: Vec<(String, usize)>,
        others: Vec<(String, usize)>,
        text: String,
    },
}

impl Tree {
    /// Copies the files that git knows; none may differ from the commit.
    pub(super) fn new(from: &Path, to: PathBuf, mutants: &[Mutant]) -> Result<Self, String> {
        let mut sources = BTreeMap::new();
        for file in mutants.iter().flat_map(|mutant| [mutant.file().to_owned(), crate_root(mutant.file())]) {
            let text =
                fs::read_to_string(from.join(&file)).map_err(|e| format!("cannot read {file}: {e}"))?;
            sources.insert(file, text);
        }
        let names = output(Command::new("git").args(["ls-files"]).current_dir(from))?;
        for name in names.lines().filter(|name| !sources.contains_key(*name)) {
            let bytes = fs::read(from.join(name)).map_err(|e| format!("cannot read {name}: {e}"))?;
            write(&to.join(name), &bytes)?;
        }
        Ok(Self { root: to, sources })
    }

    /// Builds the tests with all these mutants switched; mutants are numbered from 1. Those that do not
    /// compile are left out.
    pub(super) fn build_switched(&self, mutants: &[Mutant], key: &str) -> Result<AtOnce, String> {
        // The mutants that are left out are recorded for a run that continues with the same mutants, which
        // `key` names.
        let file = self.root.join("target/left-out.txt");
        let known = fs::read_to_string(&file).unwrap_or_default();
        let known = known.strip_prefix(key).unwrap_or_default();
        let with = |mark: &str| -> BTreeSet<usize> {
            known.lines().filter_map(|line| line.strip_prefix(mark)?.parse().ok()).collect()
        };
        let (mut alone, mut broken) = (with("alone "), with("broken "));
        loop {
            let lines = alone.iter().map(|number| format!("\nalone {number}"));
            let lines = lines.chain(broken.iter().map(|number| format!("\nbroken {number}")));
            write(&file, (key.to_owned() + &lines.collect::<String>()).as_bytes())?;
            let switched = self.write_switched(mutants, &(&alone | &broken))?;
            let (causes, others, text) = match self.build()? {
                Build::Done(built) => {
                    let switched = switched.values().flat_map(Switched::numbers).collect();
                    return Ok(AtOnce { built, switched, broken });
                }
                Build::Failed { causes, others, text } => (causes, others, text),
            };
            let at = |places: &[(String, usize)], of_function| -> BTreeSet<usize> {
                let found = places
                    .iter()
                    .filter_map(|(file, line)| Some(switched.get(file.as_str())?.at(*line, of_function)));
                found.flatten().collect()
            };
            // An error within a copy is due to the mutant, except where all copies must have the same hidden
            // type.
            let (hidden, own): (BTreeSet<_>, BTreeSet<_>) =
                at(&causes, false).into_iter().partition(|number| {
                    mutants[number - 1].hides_type(&self.sources[mutants[number - 1].file()])
                });
            println!("mutants: {} do not compile, {} not with the others", own.len(), hidden.len());
            if own.is_empty() && hidden.is_empty() {
                let before = alone.len();
                alone.extend(&at(&others, false) | &at(&[causes, others].concat(), true));
                if alone.len() == before {
                    return Err(format!("the mutants cannot be built:\n{text}"));
                }
            }
            alone.extend(hidden);
            broken.extend(own);
        }
    }

    fn write_switched(
        &self,
        mutants: &[Mutant],
        left_out: &BTreeSet<usize>,
    ) -> Result<BTreeMap<&str, Switched>, String> {
        let numbered = || mutants.iter().enumerate().map(|(at, mutant)| (at + 1, mutant));
        let mut all = BTreeMap::new();
        for (file, source) in &self.sources {
            let of_file: Vec<_> = numbered()
                .filter(|(number, mutant)| mutant.file() == file && !left_out.contains(number))
                .collect();
            let mut switched = Switched::new(source, &of_file);
            if *file == crate_root(file) {
                switched.text += CHOICE;
            }
            write(&self.root.join(file), switched.text.as_bytes())?;
            all.insert(file.as_str(), switched);
        }
        Ok(all)
    }

    /// Builds the tests with one mutant alone; `None` if it does not compile.
    pub(super) fn build_alone(&self, mutant: &Mutant) -> Result<Option<Vec<Built>>, String> {
        for (file, source) in &self.sources {
            let changed = if mutant.file() == file { apply(source, mutant) } else { source.clone() };
            write(&self.root.join(file), changed.as_bytes())?;
        }
        match self.build()? {
            Build::Done(built) => Ok(Some(built)),
            Build::Failed { .. } => Ok(None),
        }
    }

    fn build(&self) -> Result<Build, String> {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["test", "--no-run", "--message-format=json", "--quiet"]).args(WHAT);
        cargo.env("CARGO_INCREMENTAL", "1").env("CARGO_PROFILE_DEV_DEBUG", "0");
        let done = cargo.current_dir(&self.root).output().map_err(|e| format!("cannot run cargo: {e}"))?;
        let stdout = String::from_utf8_lossy(&done.stdout);
        let messages = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        if done.status.success() {
            return Ok(Build::Done(messages.filter_map(|message| built(&message)).collect()));
        }
        let (mut causes, mut others, mut text) = (Vec::new(), Vec::new(), String::new());
        for message in messages.filter(|message| message["message"]["level"] == "error") {
            let error = &message["message"];
            text += error["rendered"].as_str().unwrap_or_default();
            let children = error["children"].as_array().into_iter().flatten();
            for span in [error].into_iter().chain(children).flat_map(|of| of["spans"].as_array()).flatten() {
                let file = span["file_name"].as_str().unwrap_or_default().to_owned();
                let line = span["line_start"].as_u64().unwrap_or_default() as usize;
                if span["is_primary"] == true { &mut causes } else { &mut others }.push((file, line));
            }
        }
        if causes.is_empty() && others.is_empty() {
            text += &String::from_utf8_lossy(&done.stderr);
        }
        Ok(Build::Failed { causes, others, text })
    }
}

/// The program that a message of cargo names.
fn built(message: &Value) -> Option<Built> {
    let program = message["executable"].as_str()?.into();
    let manifest = Path::new(message["manifest_path"].as_str()?);
    let target = &message["target"];
    if message["profile"]["test"] != true {
        return None;
    }
    let is_lib = target["kind"].as_array()?.iter().any(|kind| kind == "lib");
    let name = target["name"].as_str()?;
    let name = if is_lib { name.replace('_', "-") } else { name.to_owned() };
    Some(Built { name, program, folder: manifest.parent()?.to_owned() })
}

/// `rpc-core/src/lib.rs` of a file in `rpc-core/src`.
fn crate_root(file: &str) -> String {
    file.split_once("/src/").map_or_else(|| file.to_owned(), |(package, _)| format!("{package}/src/lib.rs"))
}

/// Writes a file if its content differs: cargo builds again after each write.
fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, bytes))
        .map_err(|e| format!("cannot write {}: {e}", path.display()))
}
