//! `compile [ROUNDS]`: the time to compile a hundred methods, with birpc's macro and with jsonrpsee's. Prints
//! `PACKAGE MODE seconds S… cpu C…` for each profile, with a figure for each round, and `PACKAGE text BYTES
//! binary BYTES`.

use std::{env, path::Path, process::ExitCode};

use birpc_bench::compile::{BuildFigures, PackageFigures, measure};

fn main() -> ExitCode {
    run().map_or_else(
        |why| {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn run() -> Result<(), String> {
    let rounds = match env::args().nth(1) {
        None => 3,
        Some(rounds) => rounds.parse().map_err(|_| format!("{rounds:?} is no number of rounds"))?,
    };
    let program = env::current_exe().map_err(|e| format!("cannot tell where this program is: {e}"))?;
    let target = program.ancestors().nth(2).unwrap_or(Path::new("target"));
    let figures = measure(target, rounds, |what| eprintln!("# {what}"))?;
    print("birpc", &figures.birpc);
    print("jsonrpsee", &figures.jsonrpsee);
    Ok(())
}

fn print(package: &str, figures: &PackageFigures) {
    for (mode, BuildFigures { seconds, cpu_seconds }) in
        [("check", &figures.check), ("debug", &figures.debug), ("release", &figures.release)]
    {
        println!("{package} {mode} seconds{} cpu{}", listed(seconds), listed(cpu_seconds));
    }
    let text = figures.text_bytes.map_or_else(|| String::from("?"), |bytes| bytes.to_string());
    println!("{package} text {text} binary {}", figures.binary_bytes);
}

fn listed(figures: &[f64]) -> String {
    figures.iter().map(|figure| format!(" {figure:.2}")).collect()
}
