//! The folders that a command reads from and writes to, and the programs of the workspace that it builds and
//! runs.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The build profile of the programs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Debug,
    Release,
}

/// The folders that a command reads from and writes to.
pub(crate) struct Places {
    /// The workspace's root.
    root: PathBuf,
    /// `xtask/COMMAND`: scripts, data and pinned versions.
    pub(crate) scripts: PathBuf,
    /// `target/COMMAND`: installed packages, which git ignores.
    pub(crate) installed: PathBuf,
    /// `target/COMMAND/logs`.
    pub(crate) logs: PathBuf,
    profile: Profile,
    /// The folder of the programs built with this profile.
    programs: PathBuf,
}

impl Places {
    pub(crate) fn find(command: &str, profile: Profile) -> Result<Self, String> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root =
            here.parent().ok_or("xtask has no parent folder: run it from the workspace it belongs to")?;
        // The path of this program is TARGET/PROFILE/xtask, wherever cargo's target folder is.
        let program = env::current_exe().map_err(|e| format!("cannot tell where this program is: {e}"))?;
        let target = program.ancestors().nth(2).ok_or_else(|| {
            format!("{} is in no target folder: run it with cargo xtask", program.display())
        })?;
        let installed = target.join(command);
        let logs = installed.join("logs");
        fs::create_dir_all(&logs).map_err(|e| format!("cannot make the folder {}: {e}", logs.display()))?;
        let programs = match profile {
            Profile::Debug => "debug",
            Profile::Release => "release",
        };
        Ok(Self {
            root: root.to_owned(),
            scripts: here.join(command),
            installed,
            logs,
            profile,
            programs: target.join(programs),
        })
    }

    /// The workspace's root.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Copies the harness that the scripts of several commands share to the folder of some.
    pub(crate) fn copy_harness(&self, folder: &Path) -> Result<(), String> {
        let harness = self.root.join("xtask/interop/node/harness.mjs");
        fs::copy(harness, folder.join("harness.mjs")).map_err(|e| format!("cannot copy the harness: {e}"))?;
        Ok(())
    }

    /// Builds examples with `features` in addition to the default ones. No package is named: cargo then
    /// searches all default members of the workspace, as when a user runs an example from the root, and
    /// reuses what that has compiled.
    pub(crate) fn build_examples(&self, names: &[&str], features: &[&str]) -> Result<(), String> {
        let mut arguments = Vec::new();
        arguments.extend(names.iter().flat_map(|name| ["--example", name]));
        arguments.extend(features.iter().flat_map(|feature| ["--features", feature]));
        self.build(&arguments)
    }

    /// Runs `cargo build` with `arguments` in this command's profile.
    pub(crate) fn build(&self, arguments: &[&str]) -> Result<(), String> {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet"]).args(arguments).current_dir(&self.root);
        if self.profile == Profile::Release {
            cargo.arg("--release");
        }
        let status = cargo.status().map_err(|e| format!("cannot run cargo: {e}"))?;
        if !status.success() {
            let arguments = arguments.join(" ");
            return Err(format!("`cargo build {arguments}` fails; cargo says why above"));
        }
        Ok(())
    }

    /// The command that runs an example.
    pub(crate) fn example(&self, name: &str) -> Command {
        self.program(&format!("examples/{name}"))
    }

    /// The command that runs a program of the workspace.
    pub(crate) fn program(&self, name: &str) -> Command {
        Command::new(self.programs.join(format!("{name}{}", env::consts::EXE_SUFFIX)))
    }
}
