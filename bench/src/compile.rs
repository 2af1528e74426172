//! What it costs to compile a hundred methods: the same trait, service and calls of it, once with birpc's
//! macro and once with jsonrpsee's.
//!
//! Both are made from the texts in `bench/compile/` as packages of their own, so that they are built with
//! cargo's profiles as a user has them. Their dependencies are built first and are not in the figures; then
//! each package is built by turns, whole: without incremental compilation, as on a fresh checkout or a CI
//! machine.

mod build;
mod source;

use std::path::Path;

use build::Package;

/// What compiling the two packages took.
#[derive(Clone, Debug, PartialEq)]
pub struct CompileFigures {
    /// With `birpc::rpc`.
    pub birpc: PackageFigures,
    /// With `jsonrpsee::proc_macros::rpc`.
    pub jsonrpsee: PackageFigures,
}

/// What compiling one package took, and what came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PackageFigures {
    /// `cargo check`.
    pub check: BuildFigures,
    /// `cargo build`.
    pub debug: BuildFigures,
    /// `cargo build --release`.
    pub release: BuildFigures,
    /// Bytes of the machine code in the release binary; `None` where binutils' `size` is missing.
    pub text_bytes: Option<u64>,
    /// Bytes of the release binary without its symbols.
    pub binary_bytes: u64,
}

/// The builds of one package with one profile, one of each round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BuildFigures {
    /// Seconds on the clock.
    pub seconds: Vec<f64>,
    /// Seconds of CPU, of cargo, rustc and the linker; none where there is no `/proc`.
    pub cpu_seconds: Vec<f64>,
}

/// How a package is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Check,
    Debug,
    Release,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Check, Self::Debug, Self::Release];

    /// What cargo is told.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Check => &["check"],
            Self::Debug => &["build"],
            Self::Release => &["build", "--release"],
        }
    }
}

impl PackageFigures {
    fn of(&mut self, mode: Mode) -> &mut BuildFigures {
        match mode {
            Mode::Check => &mut self.check,
            Mode::Debug => &mut self.debug,
            Mode::Release => &mut self.release,
        }
    }
}

/// Builds both packages by turns, `rounds` times with each profile, in a folder of `target`; `progress` is
/// told what is built.
///
/// # Errors
/// Says what could not be written or does not build; cargo says why on standard error.
pub fn measure(
    target: &Path,
    rounds: usize,
    mut progress: impl FnMut(&str),
) -> Result<CompileFigures, String> {
    let folder = target.join("compile");
    let mut packages = [
        (Package::make(&folder, &source::BIRPC)?, PackageFigures::default()),
        (Package::make(&folder, &source::JSONRPSEE)?, PackageFigures::default()),
    ];
    for mode in Mode::ALL {
        for (package, _) in &packages {
            progress(&format!(
                "{}: cargo {}, with its dependencies",
                package.name,
                mode.arguments().join(" ")
            ));
            package.build_all(mode)?;
        }
        for round in 1..=rounds {
            for (package, figures) in &mut packages {
                let what = mode.arguments().join(" ");
                progress(&format!("{}: cargo {what}, {round} of {rounds}", package.name));
                package.build_again(mode, figures.of(mode))?;
            }
        }
    }
    for (package, figures) in &mut packages {
        figures.text_bytes = package.text_bytes();
        figures.binary_bytes = package.binary_bytes()?;
    }
    let [(_, birpc), (_, jsonrpsee)] = packages;
    Ok(CompileFigures { birpc, jsonrpsee })
}
