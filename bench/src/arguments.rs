//! The command line of a run.

use std::{path::PathBuf, time::Duration};

/// How much is measured, and what is done with the results.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// About a minute, for CI and for a first impression.
    pub(crate) quick: bool,
    /// Measure only what several nodes cost.
    pub(crate) nodes: bool,
    /// Record the instructions per call, to which later runs are compared.
    pub(crate) record: bool,
    /// Fail if something that the gate needs is missing.
    pub(crate) strict: bool,
    /// The folder of rpc-websockets and its server, or why they are missing.
    pub(crate) rpc_websockets: Result<PathBuf, String>,
    /// nats-server, or why it is missing.
    pub(crate) nats_server: Result<PathBuf, String>,
}

impl Arguments {
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            quick: false,
            nodes: false,
            record: false,
            strict: false,
            rpc_websockets: Err("it was not installed: cargo xtask bench installs it".into()),
            nats_server: Err("it was not searched for: cargo xtask bench does".into()),
        };
        let mut arguments = arguments.into_iter();
        while let Some(flag) = arguments.next() {
            match flag.as_str() {
                "--quick" => parsed.quick = true,
                "--nodes" => parsed.nodes = true,
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
                "--nats-server" => {
                    let program = arguments.next().ok_or("--nats-server needs a program")?;
                    parsed.nats_server = Ok(program.into());
                }
                "--without-nats-server" => {
                    let why = arguments.next().ok_or("--without-nats-server needs a reason")?;
                    parsed.nats_server = Err(why);
                }
                _ => {
                    return Err(format!(
                        "unknown argument `{flag}`: `--quick`, `--nodes`, `--record`, `--strict`, \
                         `--rpc-websockets FOLDER`, `--without-rpc-websockets WHY`, \
                         `--nats-server PROGRAM` and `--without-nats-server WHY` are there"
                    ));
                }
            }
        }
        Ok(parsed)
    }

    /// The number of rounds, in each of which every contestant is measured.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 3 } else { 5 }
    }

    /// The length of a measurement, after a warm-up of a fifth of it.
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
        assert!(!none.quick && !none.nodes && !none.record && !none.strict);
        assert!(none.rpc_websockets.is_err() && none.nats_server.is_err());
        let all = Arguments {
            quick: true,
            nodes: true,
            record: true,
            strict: true,
            rpc_websockets: Ok("a/b".into()),
            nats_server: Ok("c".into()),
        };
        assert_eq!(parsed("--strict --rpc-websockets a/b --record --nats-server c --nodes --quick"), Ok(all));
        let without = parsed("--without-rpc-websockets offline").map(|parsed| parsed.rpc_websockets);
        assert_eq!(without, Ok(Err("offline".into())));
        assert!(parsed("--rpc-websockets").is_err() && parsed("--nats-server").is_err());
        assert!(parsed("--fast").is_err());
    }
}
