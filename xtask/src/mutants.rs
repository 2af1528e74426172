//! `cargo xtask mutants`: changes the code in small ways, and counts the changes that no test notices.
//!
//! cargo-mutants lists the possible changes (mutants): all of them for the modules of [`WHOLE`], and for
//! those of [`SAMPLED`] a sample that a printed seed chooses. All mutants are then built at once, each as a
//! copy of its function that an environment variable selects: see [`switch`]. For each mutant the tests that
//! call its function run, until the first failure: see [`trial`]. A mutant that does not compile in this way
//! is built alone. A run may do one shard of several: its results are added to a file in `xtask/mutants/`
//! that names the commit, and shards of the same commit add up.

mod choice;
mod journal;
mod results;
mod switch;
mod tree;
mod trial;

use std::{
    collections::BTreeSet,
    env,
    path::Path,
    process::{Command, ExitCode},
    time::Instant,
};

use serde_json::Value;

use crate::places::{Places, Profile};
use crate::tools::output;
use choice::{Mutant, Shard, choose};
use journal::Journal;
use results::{Choice, Outcome, Results};
use tree::{AtOnce, Tree};
use trial::{Speed, Trials};

/// The modules whose mutants are all tested. Change the names here when modules move.
const WHOLE: &[&str] = &["rpc-core/src/multiplexer/**", "rpc-core/src/connection/**"];

/// A sample of the mutants of these modules is tested.
const SAMPLED: &[&str] = &[
    "rpc-core/src/message/**",
    "rpc-core/src/peer/**",
    "rpc-core/src/shared_state/**",
    "rpc-server/src/handshake/**",
];

/// Tests, and models that only tests use.
const EXCLUDED: &[&str] = &[
    "**/tests.rs",
    "**/*_tests.rs",
    "**/*_model.rs",
    "**/*_counts.rs",
    "**/provocations.rs",
    "**/properties.rs",
];

/// The size of the sample, and its seed.
const SAMPLE: usize = 200;
const SEED: u64 = 1;

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    shard: Option<Shard>,
    seed: Option<u64>,
    sample: Option<usize>,
    /// Replaces both lists. The results are printed.
    files: Vec<String>,
    /// The files are new: their results are added to those of the others.
    added: bool,
    /// Only the mutants that earlier runs missed.
    missed: bool,
    /// Only tests whose names contain one of these; all if it is empty. What they miss, others may catch.
    tests: Vec<String>,
}

/// Tests the mutants of a shard, and adds the outcomes to the results of this commit.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let options = options(arguments)?;
    let places = Places::find("mutants", Profile::Debug)?;
    output(cargo().args(["mutants", "--version"]))
        .map_err(|e| format!("{e}\ninstall it: cargo install --locked cargo-mutants"))?;
    let commit = commit(places.root())?;
    let mut results = Results::read(&places.scripts)?;
    let (seed, sample) = (options.seed.unwrap_or(SEED), options.sample.unwrap_or(SAMPLE));
    let shard = options.shard.unwrap_or_default();

    let mutants = if options.missed {
        let missed: BTreeSet<_> = results.missed_without_reason().map(choice::without_place).collect();
        let mut all = list(&places, &[WHOLE, SAMPLED].concat())?;
        all.retain(|mutant| missed.contains(&mutant.without_place()));
        all
    } else if options.files.is_empty() {
        let mut mutants = list(&places, WHOLE)?;
        println!("mutants: {} of the modules that are run whole", mutants.len());
        let others = list(&places, SAMPLED)?;
        println!("mutants: {sample} of {} others, chosen by --seed {seed}", others.len());
        mutants.extend(choose(others, sample, seed));
        mutants
    } else {
        list(&places, &options.files.iter().map(String::as_str).collect::<Vec<_>>())?
    };
    let mutants = shard.of(mutants);
    println!("mutants: {} in this run", mutants.len());
    let found = test(&places, &commit, &mutants, &options.tests)?;

    if options.missed {
        let listed: BTreeSet<_> = mutants.iter().map(Mutant::without_place).collect();
        let missed = results.missed_without_reason().map(choice::without_place);
        let gone = missed.filter(|name| shard.count() == 1 && !listed.contains(name)).collect();
        // A function may contain the same change twice: it counts as caught if both are.
        let named = |wanted: bool| -> BTreeSet<String> {
            let of = found.iter().filter(|(_, outcome)| (*outcome != Outcome::Missed) == wanted);
            of.map(|(name, _)| choice::without_place(name)).collect()
        };
        results.add_later(commit, &named(true) - &named(false), gone);
    } else if options.files.is_empty() {
        let choice = Choice { commit, sample, seed, shards: shard.count() };
        results.add(choice, shard.to_string(), &found);
    } else if options.added {
        results.add_files(commit, &found);
    } else {
        results = Results::default();
        results.add(Choice::default(), String::new(), &found);
        println!("mutants: {}", results.summary());
        return Ok(ExitCode::SUCCESS);
    }
    results.write(&places.scripts)?;
    println!("mutants: {}", results.summary());
    Ok(if results.unexplained() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The commit. The working tree must have no changes to the code.
fn commit(root: &Path) -> Result<String, String> {
    let git = |arguments: &[&str]| output(Command::new("git").args(arguments).current_dir(root));
    let changed = git(&["status", "--porcelain", "--", "*.rs", "*.toml"])?;
    if !changed.is_empty() {
        return Err(format!("the results name a commit, so commit these first:\n{changed}"));
    }
    git(&["rev-parse", "HEAD"])
}

/// The mutants that cargo-mutants makes of these files. A pattern without any is an error, since modules
/// move.
fn list(places: &Places, files: &[&str]) -> Result<Vec<Mutant>, String> {
    let mut mutants = Vec::new();
    for file in files {
        let mut command = cargo();
        command.args(["mutants", "--no-config", "--workspace", "--list", "--json", "--no-shuffle"]);
        command.args(["--colors", "never", "--file", file]);
        command.args(EXCLUDED.iter().flat_map(|file| ["--exclude", file]));
        command.args(["--exclude-re", r"impl (\w+::)*Debug for"]);
        // Checks of the state that only tests make.
        command.args(["--exclude-re", r"::(is_at_rest|check_bounds)\b|Breakage::"]);
        let text = output(command.current_dir(places.root()))?;
        let listed: Value = serde_json::from_str(&text).map_err(|e| format!("the list of mutants: {e}"))?;
        let before = mutants.len();
        for entry in listed.as_array().into_iter().flatten() {
            mutants.push(Mutant::parse(entry)?);
        }
        if mutants.len() == before {
            return Err(format!("there is nothing to change in {file}: has it moved?"));
        }
    }
    Ok(mutants)
}

/// Runs the tests on the mutants, and returns the outcome of each.
fn test(
    places: &Places,
    commit: &str,
    mutants: &[Mutant],
    tests: &[String],
) -> Result<Vec<(String, Outcome)>, String> {
    let started = Instant::now();
    // What some of the tests miss is not yet missed.
    let (file, key) = match tests.is_empty() {
        true => ("found.txt", commit.to_owned()),
        false => ("found-by-some.txt", format!("{commit} by {}", tests.join(" "))),
    };
    let mut journal = Journal::open(&places.installed.join(file), &key)?;
    let new: Vec<_> =
        mutants.iter().filter(|mutant| journal.known(&mutant.name).is_none()).cloned().collect();
    println!("mutants: {} of them are known from earlier runs", mutants.len() - new.len());
    if !new.is_empty() {
        run_new(places, commit, mutants, tests, &mut journal)?;
        println!("mutants: done in {} s", started.elapsed().as_secs());
    }
    let all = mutants.iter().map(|mutant| (mutant.name.clone(), journal.known(&mutant.name)));
    Ok(all.filter_map(|(name, outcome)| Some((name, outcome?))).collect())
}

/// Runs the mutants that the journal does not contain, and records their outcomes.
fn run_new(
    places: &Places,
    commit: &str,
    mutants: &[Mutant],
    tests: &[String],
    journal: &mut Journal,
) -> Result<(), String> {
    let tree = Tree::new(places.root(), places.installed.join("tree"), mutants)?;
    let key = format!("{commit}, {} from {}", mutants.len(), mutants[0].name);
    let AtOnce { built, switched, broken } = tree.build_switched(mutants, &key)?;
    println!("mutants: {} are built at once", switched.len());
    let mut trials = Trials::measure(&built, &key, tests, &places.installed.join("tests.txt"))?;
    let (tests, fast) = trials.counts();
    println!("mutants: {tests} tests, {fast} of them fast");

    let numbered = mutants.iter().enumerate().map(|(at, mutant)| (at + 1, mutant));
    let (at_once, alone): (Vec<_>, Vec<_>) = numbered
        .filter(|(_, mutant)| journal.known(&mutant.name).is_none())
        .partition(|(at, _)| switched.contains(at));
    // Slow tests run on the mutants that the fast ones miss.
    let mut left = Vec::new();
    for (number, mutant) in at_once {
        match trials.judge(number, &mutant.package, Speed::Fast)? {
            Some(outcome) => journal.add(mutant, outcome)?,
            None => {
                println!("left for the slow tests: {}", mutant.name);
                left.push((number, mutant));
            }
        }
    }
    println!("mutants: {} are left for the slow tests", left.len());
    for (number, mutant) in left {
        let outcome = trials.judge(number, &mutant.package, Speed::Slow)?;
        journal.add(mutant, outcome.unwrap_or(Outcome::Missed))?;
    }
    let (broken, alone): (Vec<_>, Vec<_>) = alone.into_iter().partition(|(at, _)| broken.contains(at));
    for (_, mutant) in broken {
        journal.add(mutant, Outcome::Unbuildable)?;
    }
    println!("mutants: {} are built alone", alone.len());
    for (_, mutant) in alone {
        let outcome = match tree.build_alone(mutant)? {
            None => Some(Outcome::Unbuildable),
            Some(built) => {
                trials.rebuilt(&built);
                match trials.judge(0, &mutant.package, Speed::Fast)? {
                    None => trials.judge(0, &mutant.package, Speed::Slow)?,
                    outcome => outcome,
                }
            }
        };
        journal.add(mutant, outcome.unwrap_or(Outcome::Missed))?;
    }
    Ok(())
}

fn options(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut arguments = arguments.iter();
    while let Some(flag) = arguments.next() {
        let switch = match flag.as_str() {
            "--missed" => Some(&mut options.missed),
            "--added" => Some(&mut options.added),
            _ => None,
        };
        if let Some(switch) = switch {
            *switch = true;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("`{flag}` has no value"))?;
        let number = || value.parse().map_err(|_| format!("`{flag} {value}` is not a number"));
        match flag.as_str() {
            "--shard" => options.shard = Some(value.parse()?),
            "--seed" => options.seed = Some(number()?),
            "--sample" => options.sample = Some(number()? as usize),
            "--file" => options.files.push(value.clone()),
            "--tests" => options.tests.push(value.clone()),
            _ => {
                return Err(format!(
                    "unknown argument `{flag}`: --shard, --seed, --sample, --missed, --file, --added and \
                     --tests are known"
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
        let read = options(&words("--shard 1/4 --seed 7 --missed --added --file a.rs --tests b::"));
        let read = read.expect("they are right");
        assert_eq!(read.seed, Some(7));
        assert!(read.missed && read.added);
        assert_eq!((read.files, read.tests), (vec!["a.rs".to_owned()], vec!["b::".to_owned()]));
        for wrong in ["--shard 4/4", "--seed x", "--what 1", "--seed"] {
            assert!(options(&words(wrong)).is_err(), "{wrong}");
        }
    }
}
