//! What the run was told to do.

use std::{path::PathBuf, time::Duration};

/// How much is measured, and what is done with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// About a minute, for CI and for a first look.
    pub(crate) quick: bool,
    /// Write the instructions per call down as what later runs are compared with.
    pub(crate) record: bool,
    /// What the gate needs and is not there fails it.
    pub(crate) strict: bool,
    /// Where rpc-websockets and its server are installed, or why they are not.
    pub(crate) rpc_websockets: Result<PathBuf, String>,
}

impl Arguments {
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            quick: false,
            record: false,
            strict: false,
            rpc_websockets: Err("it was not installed: cargo xtask bench installs it".into()),
        };
        let mut arguments = arguments.into_iter();
        while let Some(flag) = arguments.next() {
            match flag.as_str() {
                "--quick" => parsed.quick = true,
                "--record" => parsed.record = true,
                "--strict" => parsed.strict = true,
                "--rpc-websockets" => {
                    let folder = arguments.next().ok_or("--rpc-websockets needs a folder")?;
                    parsed.rpc_websockets = Ok(folder.into());
                }
                "--without-rpc-websockets" => {
                    let why = arguments.next().ok_or("--without-rpc-websockets needs a reason")?;
                    parsed.rpc_websockets = Err(why);
                }
                _ => {
                    return Err(format!(
                        "unknown argument `{flag}`: `--quick`, `--record`, `--strict`, `--rpc-websockets \
                         FOLDER` and `--without-rpc-websockets WHY` are there"
                    ));
                }
            }
        }
        Ok(parsed)
    }

    /// How often all contestants have their turn.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 3 } else { 5 }
    }

    /// How long one turn is, after a warm-up of a fifth.
    pub(crate) fn turn(&self) -> Duration {
        Duration::from_millis(if self.quick { 500 } else { 1000 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags_come_in_any_order() {
        let none = parsed("").expect("none is needed");
        assert!(!none.quick && !none.record && !none.strict && none.rpc_websockets.is_err());
        let all = Arguments { quick: true, record: true, strict: true, rpc_websockets: Ok("a/b".into()) };
        assert_eq!(parsed("--strict --rpc-websockets a/b --record --quick"), Ok(all));
        let without = parsed("--without-rpc-websockets offline").map(|parsed| parsed.rpc_websockets);
        assert_eq!(without, Ok(Err("offline".into())));
        assert!(parsed("--rpc-websockets").is_err());
        assert!(parsed("--fast").is_err());
    }
}
