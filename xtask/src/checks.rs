//! The frame of the commands that make checks with tools of other languages: `interop`, `typescript`,
//! `contract`, `inspector` and `cluster`.

use std::process::ExitCode;

use crate::places::{Places, Profile};
use crate::tally::Tally;

/// Makes the checks of a command with programs of the debug profile, and prints how many there were. Fails if
/// a check fails or, with the argument `--strict`, if one could not be made.
pub(crate) fn run(
    command: &'static str,
    arguments: &[String],
    check: impl FnOnce(&Places, &mut Tally) -> Result<(), String>,
) -> Result<ExitCode, String> {
    let strict = match arguments {
        [] => false,
        [flag] if flag == "--strict" => true,
        _ => return Err(format!("unknown arguments {arguments:?}: `--strict` is the only one")),
    };
    let places = Places::find(command, Profile::Debug)?;
    let mut tally = Tally::new(command);
    check(&places, &mut tally)?;
    println!("{tally}");
    if tally.failed() > 0 {
        println!("{command}: what the servers wrote on standard error is in {}", places.logs.display());
    }
    Ok(tally.exit_code(strict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_argument_checks_nothing() {
        let arguments = ["--strict".to_owned(), "--quick".to_owned()];
        let why = run("interop", &arguments, |_, _| panic!("it checks")).expect_err("there is no such flag");
        assert!(why.contains("--quick") && why.ends_with("`--strict` is the only one"), "{why}");
    }
}
