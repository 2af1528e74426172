//! Finds node, python and Chromium on this machine, and installs cargo-fuzz, programs of Debian and the
//! pinned packages that the commands need.
//!
//! `find` fails if a tool is missing, which is not an error of the checks. `install` fails if an installation
//! that should work does not.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The file in a folder that records the installed versions.
const STAMP: &str = "installed.stamp";

/// node with npm.
pub(crate) struct Node {
    version: String,
}

impl Node {
    const OLDEST: u32 = 18;

    /// Finds `node` and `npm`, or says what is missing.
    pub(crate) fn find() -> Result<Self, String> {
        let advice = format!("install Node.js {} or newer, with npm", Self::OLDEST);
        let version = output(Command::new("node").arg("--version")).map_err(|e| format!("{e}; {advice}"))?;
        let [major, ..] = numbers(&version)[..] else {
            return Err(format!("node calls itself `{version}`, which is no version; {advice}"));
        };
        if major < Self::OLDEST {
            return Err(format!("node is {version}, which is too old; {advice}"));
        }
        output(npm().arg("--version")).map_err(|e| format!("{e}; {advice}"))?;
        Ok(Self { version })
    }

    /// Copies the scripts and their pinned versions `from` the repository and installs the packages beside
    /// them: a module finds its imports relative to its own folder, and nothing may be installed into the
    /// repository.
    pub(crate) fn install(&self, from: &Path, to: &Path) -> Result<PathBuf, String> {
        copy_files(from, to)?;
        let stamp = stamp_of(&self.version, from, &["package.json", "package-lock.json"])?;
        unless_stamped(to, &stamp, || {
            succeed(npm().args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(to))
        })?;
        Ok(to.to_owned())
    }

    /// The command that runs `script`.
    pub(crate) fn script(&self, script: &Path) -> Command {
        let mut command = Command::new("node");
        command.arg(script);
        command
    }
}

/// A Python that can create virtual environments.
pub(crate) struct Python {
    program: &'static str,
    version: String,
}

impl Python {
    const OLDEST: [u32; 2] = [3, 9];

    /// Finds `python3`, or says what is missing.
    pub(crate) fn find() -> Result<Self, String> {
        let program = if cfg!(windows) { "python" } else { "python3" };
        let advice = format!("install Python {}.{} or newer, with venv", Self::OLDEST[0], Self::OLDEST[1]);
        let version =
            output(Command::new(program).args(["-c", "import platform; print(platform.python_version())"]))
                .map_err(|e| format!("{e}; {advice}"))?;
        if numbers(&version) < Self::OLDEST.to_vec() {
            return Err(format!("{program} is {version}, which is too old; {advice}"));
        }
        // Some distributions have separate packages for these two modules.
        output(Command::new(program).args(["-c", "import venv, ensurepip"])).map_err(|_| {
            format!("{program} lacks its modules venv and ensurepip; {advice} (package python3-venv)")
        })?;
        Ok(Self { program, version })
    }

    /// Installs the packages of the files `pins` in the folder `from`, in order, into a virtual environment
    /// in `to`. Returns the environment's python.
    pub(crate) fn install(&self, from: &Path, pins: &[&str], to: &Path) -> Result<PathBuf, String> {
        let stamp = stamp_of(&self.version, from, pins)?;
        let venv = to.join("venv");
        let python = python_of(&venv);
        unless_stamped(to, &stamp, || {
            succeed(Command::new(self.program).args(["-m", "venv", "--clear"]).arg(&venv))?;
            for file in pins {
                succeed(&mut pip_install(&python, &from.join(file)))?;
            }
            Ok(())
        })?;
        Ok(python)
    }
}

/// A browser that node can control.
pub(crate) struct Chromium {
    /// Its path, since playwright does not accept a bare name.
    pub(crate) program: PathBuf,
}

impl Chromium {
    const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

    /// Finds a browser on PATH, or says what is missing.
    pub(crate) fn find() -> Result<Self, String> {
        let [first, others @ ..] = Self::NAMES;
        let advice = format!("install Chromium, as `{first}` or `{}` on PATH", others.join("` or `"));
        let program = Self::NAMES.iter().find_map(|name| on_path(name));
        let program = program.ok_or_else(|| format!("there is no browser; {advice}"))?;
        // Some distributions have a placeholder that only says how to install the browser.
        output(Command::new(&program).arg("--version")).map_err(|e| format!("{e}; {advice}"))?;
        Ok(Self { program })
    }
}

/// Finds a program by name, or says which Debian package contains it.
pub(crate) fn find(name: &str, package: &str) -> Result<PathBuf, String> {
    // Daemons are in a folder that is not on every user's PATH.
    let elsewhere = || {
        let path = Path::new("/usr/sbin").join(name);
        path.is_file().then_some(path)
    };
    on_path(name).or_else(elsewhere).ok_or_else(|| format!("there is no `{name}` on PATH; install {package}"))
}

/// Finds a program by name, or installs the Debian package that contains it. Where Debian starts it as a
/// service, the service is stopped: only the program is wanted.
pub(crate) fn find_or_install(name: &str, package: &str) -> Result<PathBuf, String> {
    let Err(why) = find(name, package) else { return find(name, package) };
    let is_root = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let as_root = |line: &[&str]| {
        let line = if is_root { line.to_vec() } else { [&["sudo", "--non-interactive"], line].concat() };
        succeed(Command::new(line[0]).args(&line[1..]).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    println!("# installing the package {package}");
    as_root(&["apt-get", "update", "-qq"])
        .and_then(|()| as_root(&["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]))
        .map_err(|error| format!("{why}, since it cannot be installed from here: {error}"))?;
    if Path::new("/run/systemd/system").is_dir() {
        // Fails if the package has no service.
        let _ = as_root(&["systemctl", "disable", "--now", name]);
    }
    find(name, package)
}

/// cargo-fuzz in a fixed version.
pub(crate) struct CargoFuzz {
    program: PathBuf,
}

impl CargoFuzz {
    const VERSION: &str = "0.13.1";

    /// Installs it into the folder `to`, which takes a minute.
    pub(crate) fn install(to: &Path) -> Result<Self, String> {
        unless_stamped(to, Self::VERSION, || {
            let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            cargo.args([
                "install",
                "cargo-fuzz",
                "--locked",
                "--force",
                "--version",
                Self::VERSION,
                "--root",
            ]);
            succeed(cargo.arg(to))
        })?;
        Ok(Self { program: to.join("bin").join(format!("cargo-fuzz{}", env::consts::EXE_SUFFIX)) })
    }

    /// `cargo fuzz COMMAND`.
    pub(crate) fn command(&self, command: &str) -> Command {
        let mut cargo_fuzz = Command::new(&self.program);
        cargo_fuzz.args(["fuzz", command]);
        cargo_fuzz
    }
}

/// The path of a program on PATH.
fn on_path(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(&file)).find(|program| program.is_file())
}

/// The python of a virtual environment.
pub(crate) fn python_of(venv: &Path) -> PathBuf {
    venv.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}

/// Without isolation, a package is built with the pinned setuptools instead of the latest version.
pub(crate) fn pip_install(python: &Path, requirements: &Path) -> Command {
    let mut command = Command::new(python);
    command
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--use-pep517", "--no-build-isolation", "--requirement"])
        .arg(requirements);
    command
}

/// On Windows npm is a batch file, which needs its file extension.
pub(crate) fn npm() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

/// The versions on which the installed packages depend: the tool's, since packages are built for it, and the
/// pinned ones.
pub(crate) fn stamp_of(version: &str, folder: &Path, files: &[&str]) -> Result<String, String> {
    let mut stamp = format!("{version}\n");
    for file in files {
        let path = folder.join(file);
        stamp += &fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    }
    Ok(stamp)
}

/// Runs `install` unless the folder has a stamp with the same contents. Writes the stamp after it succeeds.
pub(crate) fn unless_stamped(
    folder: &Path,
    stamp: &str,
    install: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let file = folder.join(STAMP);
    if fs::read_to_string(&file).is_ok_and(|found| found == stamp) {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|e| format!("cannot make the folder {}: {e}", folder.display()))?;
    let _ = fs::remove_file(&file); // an incomplete installation must not look complete next time
    println!("# installing into {}", folder.display());
    install()
        .map_err(|why| format!("the pinned packages cannot be installed (is there a network?): {why}"))?;
    fs::write(&file, stamp).map_err(|e| format!("cannot write {}: {e}", file.display()))
}

/// Copies the files of a folder, without its folders.
pub(crate) fn copy_files(from: &Path, to: &Path) -> Result<(), String> {
    let copy = || {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), to.join(entry.file_name()))?;
            }
        }
        Ok(())
    };
    copy().map_err(|e: std::io::Error| format!("cannot copy {} to {}: {e}", from.display(), to.display()))
}

/// Runs a command. Its output is shown only if it fails.
pub(crate) fn succeed(command: &mut Command) -> Result<(), String> {
    output(command).map(drop)
}

/// The standard output of a command. An error contains the command and the reason.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let line = spell_out(command);
    let output = command.output().map_err(|e| format!("cannot run `{line}`: {e}"))?;
    let [stdout, stderr] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
    if output.status.success() {
        return Ok(stdout);
    }
    Err(format!("`{line}` ended with {}\n{stderr}\n{stdout}", output.status).trim_end().to_owned())
}

fn spell_out(command: &Command) -> String {
    let words: Vec<_> = [command.get_program()].into_iter().chain(command.get_args()).collect();
    words.join(" ".as_ref()).to_string_lossy().into_owned()
}

/// The numbers at the start of a version: `v20.1.0` and `3.14.0rc2` give three each.
fn numbers(version: &str) -> Vec<u32> {
    let parts = version.trim_start_matches('v').split('.');
    parts.map_while(|part| part.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(numbers("v20.1.0"), [20, 1, 0]);
        assert_eq!(numbers("3.14.0rc2"), [3, 14, 0]);
        assert_eq!(numbers("3.13.1+"), [3, 13, 1]);
        assert_eq!(numbers("unknown"), [0_u32; 0]);
        assert!(numbers("3.10.0") >= Python::OLDEST.to_vec());
        assert!(numbers("3.8.19") < Python::OLDEST.to_vec());
    }
}
