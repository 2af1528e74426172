//! The cost of compiling a hundred methods: the same trait, service and calls, once with birpc's macro and
//! once with jsonrpsee's.
//!
//! Both are generated from the texts in `bench/compile/` as separate packages, so that they are built with
//! cargo's profiles as a user's crate is. Their dependencies are built first and are not included. Then the
//! packages are built in turn, without incremental compilation, as on a fresh checkout or a CI machine.

mod build;
mod source;

use std::path::Path;

use build::Package;

/// The cost of compiling the two packages.
#[derive(Clone, Debug, PartialEq)]
pub struct CompileFigures {
    /// With `birpc::rpc`.
    pub birpc: PackageFigures,
    /// With `jsonrpsee::proc_macros::rpc`.
    pub jsonrpsee: PackageFigures,
}

/// The cost of compiling one package, and the size of the result.
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

/// The builds of one package with one profile, one for each round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BuildFigures {
    /// Elapsed seconds.
    pub seconds: Vec<f64>,
    /// Seconds of CPU time of cargo, rustc and the linker; empty where there is no `/proc`.
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

    /// The arguments for cargo.
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

/// Builds both packages in turn, `rounds` times with each profile, in a folder of `target`. `progress` gets
/// the name of each build.
///
/// # Errors
/// What could not be written or built. cargo prints the reason on standard error.
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
