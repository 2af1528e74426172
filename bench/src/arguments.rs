//! What the run was told to do.

use std::{path::PathBuf, time::Duration};

/// How much is measured, and what is done with it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// About a minute, for CI and for a first look.
    pub(crate) quick: bool,
    /// Write the instructions per call down as what later runs are compared with.
    pub(crate) record: bool,
    /// What the gate needs and is not there fails it.
    pub(crate) strict: bool,
    /// Where rpc-websockets and its server are installed.
    pub(crate) rpc_websockets: Option<PathBuf>,
}

impl Arguments {
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(flag) = arguments.next() {
            match flag.as_str() {
                "--quick" => parsed.quick = true,
                "--record" => parsed.record = true,
                "--strict" => parsed.strict = true,
                "--rpc-websockets" => {
                    let folder = arguments.next().ok_or("--rpc-websockets needs a folder")?;
                    parsed.rpc_websockets = Some(folder.into());
                }
                _ => {
                    return Err(format!(
                        "unknown argument `{flag}`: `--quick`, `--record`, `--strict` and `--rpc-websockets FOLDER` \
                         are there"
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
        Duration::from_millis(if self.quick { 500 } else { 2000 })
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
        assert_eq!(parsed(""), Ok(Arguments::default()));
        let all = Arguments { quick: true, record: true, strict: true, rpc_websockets: Some("a/b".into()) };
        assert_eq!(parsed("--strict --rpc-websockets a/b --record --quick"), Ok(all));
        assert!(parsed("--rpc-websockets").is_err());
        assert!(parsed("--fast").is_err());
    }
}
