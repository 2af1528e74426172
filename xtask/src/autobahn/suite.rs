//! Finds CPython 2.7 on this machine, and installs the Autobahn|Testsuite for it.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::process::Process;
use crate::tools::{Python, output, pip_install, python_of, stamp_of, succeed, unless_stamped};

/// The packages that create an environment for Python 2.7; a Python 3 runs them.
const VIRTUALENV_PINS: &[&str] = &["virtualenv.txt"];

/// The packages for that environment.
const SUITE_PINS: &[&str] = &["build-requirements.txt", "requirements.txt"];

/// The two Pythons that are needed.
pub(super) struct Tools {
    python3: Python,
    python27: PathBuf,
    version: String,
}

impl Tools {
    /// Finds a CPython 2.7 (as `python2.7`, Debian's name, or among pyenv's versions) and a Python 3, or says
    /// what is missing.
    pub(super) fn find() -> Result<Self, String> {
        let found = candidates().into_iter().find_map(|python| Some((cpython27(&python)?, python)));
        let (version, python27) =
            found.ok_or("there is no CPython 2.7; install python2.7, or pyenv's 2.7.18")?;
        Ok(Self { python3: Python::find()?, python27, version })
    }

    /// Installs the pinned packages of the folder `from` into an environment in `to`.
    pub(super) fn install(&self, from: &Path, to: &Path) -> Result<Suite, String> {
        let virtualenv = self.python3.install(from, VIRTUALENV_PINS, &to.join("virtualenv"))?;
        let to = to.join("suite");
        let venv = to.join("venv");
        let python = python_of(&venv);
        unless_stamped(&to, &stamp_of(&self.version, from, SUITE_PINS)?, || {
            let mut make = Command::new(&virtualenv);
            make.args(["-m", "virtualenv", "--quiet", "--clear", "--python"]).arg(&self.python27).arg(&venv);
            succeed(&mut make)?;
            for file in SUITE_PINS {
                succeed(pip_install(&python, &from.join(file)).arg("--no-deps"))?;
            }
            Ok(())
        })?;
        Ok(Suite { script: python.with_file_name("wstest"), python })
    }
}

/// The places where a Python 2.7 may be.
fn candidates() -> Vec<PathBuf> {
    let mut pythons = vec![PathBuf::from("python2.7")];
    // A version that pyenv has installed but not enabled is not on PATH.
    if let Ok(root) = output(Command::new("pyenv").arg("root")) {
        let versions = fs::read_dir(Path::new(&root).join("versions")).into_iter().flatten().flatten();
        pythons.extend(versions.map(|version| version.path().join("bin/python2.7")));
    }
    pythons
}

/// The version, if the program runs and is CPython. PyPy has a `python2.7` too, but the suite's C extensions
/// are not for PyPy.
fn cpython27(python: &Path) -> Option<String> {
    let script = "import platform; print(platform.python_implementation() + ' ' + platform.python_version())";
    let version = output(Command::new(python).args(["-c", script])).ok()?;
    version.starts_with("CPython 2.7.").then_some(version)
}

/// The suite, installed.
pub(super) struct Suite {
    python: PathBuf,
    script: PathBuf,
}

impl Suite {
    /// The command for the suite's program in one of its modes.
    pub(super) fn wstest(&self, mode: &str, spec: &Path, log: &Path) -> Result<Command, String> {
        let log = File::create(log).map_err(|e| format!("cannot write {}: {e}", log.display()))?;
        // The script is not run directly, since the system limits the length of the path in its first line.
        let mut command = Command::new(&self.python);
        // Without the web server, which would need a port of its own.
        command.arg(&self.script).args(["--webport", "0", "--mode", mode, "--spec"]).arg(spec).stderr(log);
        Ok(command)
    }
}

/// Follows wstest until it ends. Its lines go to a file, after its standard error.
pub(super) fn follow(wstest: &mut Process, limit: Duration, log: &Path) -> Result<(), String> {
    let mut lines = String::new();
    let status = wstest.follow(limit, |line| {
        lines.push_str(line);
        lines.push('\n');
    });
    // The log is for reading after a failure. Without it, the exit status still shows the failure.
    let _ = File::options().append(true).open(log).and_then(|mut log| log.write_all(lines.as_bytes()));
    let status = status?;
    if status.success() {
        return Ok(());
    }
    Err(format!("wstest ended with {status}; {} may say why", log.display()))
}
