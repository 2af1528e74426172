//! Checks, told one a line as `cargo xtask interop` counts them.

use std::fmt::Debug;
use std::process::ExitCode;
use std::time::Duration;

use birpc::{CallError, ErrorObject, Peer};

/// How long something that is due may take.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// What the checks came to so far.
#[derive(Default)]
pub(crate) struct Checks {
    failed: bool,
}

impl Checks {
    /// Tells whether a value is the expected one. Long ones are cut.
    pub(crate) fn equal<T: PartialEq + Debug>(&mut self, name: &str, got: T, expected: T) {
        if got == expected {
            println!("ok - {name}");
        } else {
            self.failed = true;
            println!(
                "not ok - {name}: got {:.300}, expected {:.300}",
                format!("{got:?}"),
                format!("{expected:?}")
            );
        }
    }

    /// Tells whether a call failed with that error of the method's own.
    pub(crate) fn fails<T: Debug>(&mut self, name: &str, got: Result<T, CallError>, expected: ErrorObject) {
        self.equal(name, got.map(|result| format!("{result:?}")), Err(CallError::Method(expected)));
    }

    /// Tells whether a call was refused by the peer's framework, with that code.
    pub(crate) fn refused<T: Debug, E: Debug>(
        &mut self,
        name: &str,
        got: Result<T, CallError<E>>,
        code: i64,
    ) {
        let got = match got {
            Err(CallError::Rpc(error)) => Ok(error.code()),
            other => Err(format!("{other:?}")),
        };
        self.equal(name, got, Ok(code));
    }

    /// Tells whether the peer comes to count one cancelled call more than `before`.
    pub(crate) async fn cancels_reach<F>(&mut self, name: &str, before: u64, mut count: impl FnMut() -> F)
    where
        F: Future<Output = Result<u64, CallError>>,
    {
        let reached = async {
            while count().await? <= before {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Ok::<_, CallError>(())
        };
        let outcome = tokio::time::timeout(SOON, reached).await.map_err(|_| "its handler still runs");
        self.equal(name, outcome, Ok(Ok(())));
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// A text that makes a message of 1 MiB at most, with what is around it.
pub(crate) fn mebibyte() -> String {
    "é".repeat((1 << 19) - 128)
}

/// A hundred calls of `add(n, 1)` at once, by position.
pub(crate) async fn a_hundred_sums(peer: &Peer) -> Result<Vec<i64>, CallError> {
    futures_util::future::try_join_all((0..100).map(|n| peer.call("add", (n, 1)))).await
}
