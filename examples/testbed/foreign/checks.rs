//! Checks, printed one a line in the form that `cargo xtask interop` counts.

use std::fmt::Debug;
use std::process::ExitCode;
use std::time::Duration;

use birpc::{CallError, ErrorObject, Peer};

/// The time limit for something that must happen.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// The results so far.
#[derive(Default)]
pub(crate) struct Checks {
    failed: bool,
}

impl Checks {
    /// Checks that a value is the expected one. Long values are cut.
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

    /// Checks that a call failed with this error of the method.
    pub(crate) fn fails<T: Debug>(&mut self, name: &str, got: Result<T, CallError>, expected: ErrorObject) {
        self.equal(name, got.map(|result| format!("{result:?}")), Err(CallError::Method(expected)));
    }

    /// Checks that the peer's framework refused a call with this code.
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

    /// Checks that the peer counts one more cancelled call than `before`.
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

/// A text whose message is at most 1 MiB.
pub(crate) fn mebibyte() -> String {
    "é".repeat((1 << 19) - 128)
}

/// Makes a hundred calls of `add(n, 1)` at once, by position.
pub(crate) async fn a_hundred_sums(peer: &Peer) -> Result<Vec<i64>, CallError> {
    futures_util::future::try_join_all((0..100).map(|n| peer.call("add", (n, 1)))).await
}
