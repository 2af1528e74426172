//! The cost of compiling a hundred methods, compared with jsonrpsee's macro.

use birpc_bench::compile::{BuildFigures, PackageFigures, measure};

use crate::{
    contestants::{BIRPC, JSONRPSEE},
    measure::Run,
    results::{Group, Metric, Test},
};

/// How often each package is built with each profile.
const ROUNDS: usize = 3;

const fn built(name: &'static str) -> Test {
    Test { group: Group::Compile, name }
}

pub(crate) const CHECK: Test = built("cargo check");
pub(crate) const DEBUG: Test = built("cargo build");
pub(crate) const RELEASE: Test = built("cargo build --release");

/// Builds both in turn. If that fails, for example without a network on the first run, the figures are
/// missing.
pub(crate) fn compile(run: &mut Run) -> Result<(), String> {
    run.contestants.cores.release()?;
    let target = run.contestants.target();
    let stage = run.stage.clone();
    match measure(&target, ROUNDS, |what| eprintln!("{stage} · {what}")) {
        Ok(figures) => {
            record(run, BIRPC, &figures.birpc);
            record(run, JSONRPSEE, &figures.jsonrpsee);
        }
        Err(why) => run.leave_out("compile time".into(), why),
    }
    Ok(())
}

fn record(run: &mut Run, of: &'static str, figures: &PackageFigures) {
    for (test, BuildFigures { seconds, cpu_seconds }) in
        [(CHECK, &figures.check), (DEBUG, &figures.debug), (RELEASE, &figures.release)]
    {
        for seconds in seconds {
            run.record(test, of, &[(Metric::Build, *seconds)]);
        }
        for seconds in cpu_seconds {
            run.record(test, of, &[(Metric::BuildCpu, *seconds)]);
        }
    }
    if let Some(bytes) = figures.text_bytes {
        run.record(RELEASE, of, &[(Metric::Code, bytes as f64)]);
    }
    run.record(RELEASE, of, &[(Metric::Binary, figures.binary_bytes as f64)]);
}
