//! One of the two packages on disk, and its builds.

use std::{
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Instant, SystemTime},
};

use super::{BuildFigures, Mode, source::Source};

/// Clock ticks of `/proc` in a second. On Linux this is the same on all architectures that Rust supports.
const TICKS: f64 = 100.0;

/// A package on disk. Both packages share a target folder, so that common dependencies are built once.
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

    /// Builds the package with its dependencies, which cargo may have to download first.
    pub(super) fn build_all(&self, mode: Mode) -> Result<(), String> {
        self.run(self.cargo(mode))
    }

    /// Builds only the package again, completely, and adds the cost.
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

    /// cargo with default settings, whatever the environment says, since the profiles are what is measured.
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

    /// The size of the release binary, which is stripped.
    pub(super) fn binary_bytes(&self) -> Result<u64, String> {
        let binary = self.binary();
        let found = fs::metadata(&binary).map_err(|e| format!("cannot look at {}: {e}", binary.display()))?;
        Ok(found.len())
    }

    /// The size of its machine code, as `size` reports it.
    pub(super) fn text_bytes(&self) -> Option<u64> {
        let output = Command::new("size").arg("-A").arg(self.binary()).output().ok()?;
        let table = String::from_utf8(output.stdout).ok()?;
        let mut words = table.lines().find(|line| line.starts_with(".text "))?.split_whitespace();
        words.nth(1)?.parse().ok()
    }
}

/// Whether an environment variable changes how or where cargo builds.
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

/// The CPU time of this process's children that have ended, including their children.
fn cpu_of_children() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may contain spaces. `cutime` and `cstime` are the 14th and 15th fields after
    // it.
    let (_, behind) = stat.rsplit_once(')')?;
    let ticks = behind.split_whitespace().skip(13).take(2).map(str::parse::<u64>);
    Some(ticks.sum::<Result<u64, _>>().ok()? as f64 / TICKS)
}
