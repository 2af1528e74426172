//! One of the two packages on the disk, and cargo at work on it.

use std::{
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Instant, SystemTime},
};

use super::{BuildFigures, Mode, source::Source};

/// Clock ticks of `/proc` in a second: on Linux the same on every architecture that Rust has a compiler for.
const TICKS: f64 = 100.0;

/// A package that was written, with a target folder that it shares with the other: what both depend on is
/// built once.
pub(super) struct Package {
    pub(super) name: &'static str,
    folder: PathBuf,
    target: PathBuf,
}

impl Package {
    /// Writes the package into a folder of `parent`, with the versions that the workspace has locked.
    pub(super) fn make(parent: &Path, source: &Source) -> Result<Self, String> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let workspace = here.parent().ok_or("bench has no parent folder: it belongs into its workspace")?;
        let folder = parent.join(source.name);
        let failed = |e| format!("cannot write a package into {}: {e}", folder.display());
        fs::create_dir_all(folder.join("src")).map_err(failed)?;
        fs::write(folder.join("Cargo.toml"), source.manifest(&workspace.to_string_lossy()))
            .map_err(failed)?;
        fs::write(folder.join("src/main.rs"), source.main()).map_err(failed)?;
        fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock")).map_err(failed)?;
        Ok(Self { name: source.name, folder, target: parent.join("target") })
    }

    /// Builds it with everything that it depends on, which cargo may have to download first.
    pub(super) fn build_all(&self, mode: Mode) -> Result<(), String> {
        self.run(self.cargo(mode))
    }

    /// Builds the package alone once more, whole, and adds what it took.
    pub(super) fn build_again(&self, mode: Mode, figures: &mut BuildFigures) -> Result<(), String> {
        let main = self.folder.join("src/main.rs");
        File::options()
            .append(true)
            .open(&main)
            .and_then(|file| file.set_modified(SystemTime::now()))
            .map_err(|e| format!("cannot touch {}: {e}", main.display()))?;
        let mut cargo = self.cargo(mode);
        cargo.args(["--offline", "--locked"]);
        let (begun, cpu) = (Instant::now(), cpu_of_children());
        self.run(cargo)?;
        figures.seconds.push(begun.elapsed().as_secs_f64());
        figures.cpu_seconds.extend(cpu.zip(cpu_of_children()).map(|(before, after)| after - before));
        Ok(())
    }

    /// cargo with its own defaults, whatever the environment says: the profiles are what is measured.
    fn cargo(&self, mode: Mode) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(mode.arguments()).arg("--quiet").current_dir(&self.folder).stdin(Stdio::null());
        for (name, _) in env::vars_os() {
            if changes_a_build(&name.to_string_lossy()) {
                cargo.env_remove(&name);
            }
        }
        cargo.env("CARGO_TARGET_DIR", &self.target);
        cargo
    }

    fn run(&self, mut cargo: Command) -> Result<(), String> {
        let status = cargo.status().map_err(|e| format!("cannot run cargo: {e}"))?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("{} does not build; cargo says why above", self.name)),
        }
    }

    fn binary(&self) -> PathBuf {
        self.target.join("release").join(format!("hundred-{}{}", self.name, env::consts::EXE_SUFFIX))
    }

    /// The size of the release binary, which its profile strips.
    pub(super) fn binary_bytes(&self) -> Result<u64, String> {
        let binary = self.binary();
        let found = fs::metadata(&binary).map_err(|e| format!("cannot look at {}: {e}", binary.display()))?;
        Ok(found.len())
    }

    /// The size of its machine code, as `size` tells it.
    pub(super) fn text_bytes(&self) -> Option<u64> {
        let output = Command::new("size").arg("-A").arg(self.binary()).output().ok()?;
        let table = String::from_utf8(output.stdout).ok()?;
        let mut words = table.lines().find(|line| line.starts_with(".text "))?.split_whitespace();
        words.nth(1)?.parse().ok()
    }
}

/// Whether a variable of the environment says how cargo builds, or where.
fn changes_a_build(variable: &str) -> bool {
    const ONE: &[&str] = &[
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_INCREMENTAL",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTFLAGS",
    ];
    const ALL: &[&str] = &["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_"];
    ONE.contains(&variable) || ALL.iter().any(|prefix| variable.starts_with(prefix))
}

/// The CPU that children of this process had which have ended, with theirs.
fn cpu_of_children() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, which is in parentheses, may have spaces. `cutime` and `cstime` are the 14th and 15th behind
    // it.
    let (_, behind) = stat.rsplit_once(')')?;
    let ticks = behind.split_whitespace().skip(13).take(2).map(str::parse::<u64>);
    Some(ticks.sum::<Result<u64, _>>().ok()? as f64 / TICKS)
}
