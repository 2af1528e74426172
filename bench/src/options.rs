//! The arguments of the programs.

use std::str::FromStr;

/// The argument after a flag, or `otherwise`.
///
/// # Errors
/// The argument is missing, or is not a valid value.
pub fn option<T: FromStr>(flag: &str, otherwise: T) -> Result<T, String> {
    let mut arguments = std::env::args().skip(1).skip_while(|argument| argument != flag);
    match (arguments.next(), arguments.next()) {
        (None, _) => Ok(otherwise),
        (Some(_), None) => Err(format!("{flag} is given without a value")),
        (Some(_), Some(value)) => value.parse().map_err(|_| format!("{flag} cannot be {value:?}")),
    }
}
