//! `cargo xtask mutants`: how much of what could be wrong the tests notice, by cargo-mutants.
//!
//! The modules of [`WHOLE`] are mutated whole, those of [`SAMPLED`] by a sample that a printed seed chooses.
//! Each mutant meets the unit tests of its package first; what they miss meets the integration tests, which
//! take longer. A run may do one shard of many: what is found goes to `xtask/mutants/`, in a file that names
//! the commit, and shards of the same commit add up.

mod choice;
mod results;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
    process::{Command, ExitCode},
};

use serde_json::Value;

use crate::places::{Places, Profile};
use crate::tools::output;
use choice::{Mutant, Shard, choose};
use results::{Outcome, Results};

/// Every mutant of these is run. Change the names here when modules move.
const WHOLE: &[&str] = &["rpc-core/src/multiplexer/**", "rpc-core/src/connection/**"];

/// A sample of the mutants of these is run.
const SAMPLED: &[&str] = &[
    "rpc-core/src/message/**",
    "rpc-core/src/peer/**",
    "rpc-core/src/shared_state/**",
    "rpc-server/src/handshake/**",
    "rpc-server/src/handshake.rs",
];

/// Tests, and models that only tests run.
const EXCLUDED: &[&str] =
    &["**/tests.rs", "**/*_tests.rs", "**/*_model.rs", "**/provocations.rs", "**/properties.rs"];

/// The size of the sample, its seed, and the seconds that the tests of a mutant may take; more counts as
/// caught.
const SAMPLE: usize = 200;
const SEED: u64 = 1;
const TIMEOUT: [(&str, &str); 2] = [("unit", "60"), ("integration", "300")];

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    shard: Option<Shard>,
    seed: Option<u64>,
    sample: Option<usize>,
    /// Instead of both lists.
    files: Vec<String>,
}

/// Runs the mutants of one shard, and adds what is found to the results of this commit.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let options = options(arguments)?;
    let places = Places::find("mutants", Profile::Debug)?;
    output(cargo().args(["mutants", "--version"]))
        .map_err(|e| format!("{e}\ninstall it: cargo install --locked cargo-mutants"))?;
    let commit = output(Command::new("git").args(["rev-parse", "HEAD"]).current_dir(places.root()))?;
    let (seed, sample) = (options.seed.unwrap_or(SEED), options.sample.unwrap_or(SAMPLE));

    let mut mutants = if options.files.is_empty() {
        let mut mutants = list(&places, WHOLE)?;
        println!("mutants: {} of the modules that are run whole", mutants.len());
        let others = list(&places, SAMPLED)?;
        println!("mutants: {sample} of {} others, chosen by --seed {seed}", others.len());
        mutants.extend(choose(others, sample, seed));
        mutants
    } else {
        list(&places, &options.files.iter().map(String::as_str).collect::<Vec<_>>())?
    };
    if let Some(shard) = options.shard {
        mutants = shard.of(mutants);
    }
    println!("mutants: {} in this run", mutants.len());

    let mut found = test(&places, &mutants, "unit", &["--lib"])?;
    let missed: Vec<_> =
        mutants.iter().filter(|mutant| found.get(&mutant.name) == Some(&Outcome::Missed)).cloned().collect();
    println!("mutants: {} are left for the integration tests", missed.len());
    found.extend(test(&places, &missed, "integration", &["--test", "it"])?);

    let folder = &places.scripts;
    let mut results = Results::read(folder, &commit)?;
    results.add(&format!("{seed}"), found);
    results.write(folder)?;
    println!("{}", results.summary());
    Ok(if results.unexplained() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The mutants that cargo-mutants makes of these files.
fn list(places: &Places, files: &[&str]) -> Result<Vec<Mutant>, String> {
    let mut command = cargo();
    command.args([
        "mutants",
        "--no-config",
        "--workspace",
        "--list",
        "--json",
        "--no-shuffle",
        "--colors",
        "never",
    ]);
    command.args(files.iter().flat_map(|file| ["--file", file]));
    command.args(EXCLUDED.iter().flat_map(|file| ["--exclude", file]));
    command.args(["--exclude-re", r"impl (\w+::)*Debug for"]);
    let text = output(command.current_dir(places.root()))?;
    let listed: Value = serde_json::from_str(&text).map_err(|e| format!("the list of mutants: {e}"))?;
    listed.as_array().into_iter().flatten().map(Mutant::parse).collect()
}

/// What these tests make of the mutants.
fn test(
    places: &Places,
    mutants: &[Mutant],
    kind: &str,
    tests: &[&str],
) -> Result<BTreeMap<String, Outcome>, String> {
    if mutants.is_empty() {
        return Ok(BTreeMap::new());
    }
    let to = places.installed.join(kind);
    fs::create_dir_all(&to).map_err(|e| format!("cannot make the folder {}: {e}", to.display()))?;
    let timeout = TIMEOUT.iter().find(|(of, _)| *of == kind).map_or("300", |(_, seconds)| seconds);
    let mut command = cargo();
    command.args([
        "mutants",
        "--no-config",
        "--workspace",
        "--baseline",
        "skip",
        "--no-shuffle",
        "--colors",
        "never",
    ]);
    command.args(["--timeout", timeout, "--build-timeout", "600", "--output"]).arg(&to);
    if kind == "integration" {
        command.args(["--test-package", "birpc"]);
    }
    command.args(tests.iter().map(|argument| format!("--cargo-test-arg={argument}")));
    // Deleted fields of struct expressions are mutated whatever `--re` says, so the files are named too.
    let files: BTreeSet<_> = mutants.iter().map(Mutant::file).collect();
    command.args(files.into_iter().flat_map(|file| ["--file", file]));
    // The mutants are named one by one, so that a sample and a shard are exactly what was chosen.
    command.args(mutants.iter().flat_map(|mutant| ["--re".into(), mutant.pattern()]));
    command.env("CARGO_PROFILE_DEV_DEBUG", "0");
    // Missed mutants and time-outs are exit codes of their own: the outcomes tell more.
    let _ = command.current_dir(places.root()).status().map_err(|e| format!("cannot run cargo: {e}"))?;
    let mut found = outcomes(&to.join("mutants.out/outcomes.json"))?;
    found.retain(|name, _| mutants.iter().any(|mutant| mutant.name == *name));
    Ok(found)
}

fn outcomes(file: &Path) -> Result<BTreeMap<String, Outcome>, String> {
    let text = fs::read_to_string(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    let value: Value = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?;
    let all = value["outcomes"].as_array().into_iter().flatten();
    Ok(all
        .filter_map(|outcome| {
            let name = outcome["scenario"]["Mutant"]["name"].as_str()?;
            Some((name.to_owned(), Outcome::of_summary(outcome["summary"].as_str()?)))
        })
        .collect())
}

fn options(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut arguments = arguments.iter();
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("`{flag}` has no value"))?;
        let number = || value.parse().map_err(|_| format!("`{flag} {value}` is not a number"));
        match flag.as_str() {
            "--shard" => options.shard = Some(value.parse()?),
            "--seed" => options.seed = Some(number()?),
            "--sample" => options.sample = Some(number()? as usize),
            "--file" => options.files.push(value.clone()),
            _ => {
                return Err(format!(
                    "unknown argument `{flag}`: --shard, --seed, --sample and --file are known"
                ));
            }
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let read = options(&words("--shard 1/4 --seed 7 --file a.rs")).expect("they are right");
        assert_eq!(read.seed, Some(7));
        assert_eq!(read.files, ["a.rs"]);
        for wrong in ["--shard 4/4", "--seed x", "--what 1", "--seed"] {
            assert!(options(&words(wrong)).is_err(), "{wrong}");
        }
    }
}
