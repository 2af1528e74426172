//! The progress of a call: what its handler reports while it runs, and what its caller does with it.

mod callback;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{OnWire, Progressing, Received, SentType, WireType};
use crate::message::Json;
use crate::progress_listener::Listener;
use crate::served_call::ServedCall;
use callback::Callback;

/// How far a call is, in values of type `T`: a parameter of methods, which its handler reports to and its
/// caller listens with.
///
/// A method of a trait under `#[rpc]` takes one such parameter at any place. It is not part of `params`. The
/// handler calls [`Progress::report`]; the caller passes [`Progress::to`] with a function, or
/// [`Progress::none`].
///
/// ```
/// use birpc_core::{ErrorObject, Progress};
///
/// async fn build(steps: u32, progress: Progress<u32>) -> Result<String, ErrorObject> {
///     for step in 1..=steps {
///         // The work of a step.
///         progress.report(step);
///     }
///     Ok("built".into())
/// }
///
/// // A progress that goes over no connection is heard at once, so a handler can be tested alone.
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut last = 0;
/// let progress = Progress::to(move |step| {
///     assert_eq!(step, last + 1);
///     last = step;
/// });
/// assert_eq!(build(3, progress).await, Ok("built".into()));
/// # });
/// ```
///
/// # Only the newest counts
/// A report that was not sent yet is replaced by a newer one of the same call, so a handler may report as
/// often as it likes, to a caller as slow as it likes. Those that are sent arrive in order, and before the
/// reply; the last that a handler reports before it returns is always sent. A caller who needs each of them
/// takes a
/// [`Streaming`](crate::Streaming) instead.
///
/// # Which peers
/// Peers that speak `birpc.v1` report progress, and so do connections with [`Dialect::lsp`] and
/// [`Dialect::mcp`]. With others nothing is asked for, and nothing is reported.
///
/// [`Dialect::lsp`]: crate::Dialect::lsp
/// [`Dialect::mcp`]: crate::Dialect::mcp
pub struct Progress<T> {
    /// `None` if nobody wants to hear.
    target: Option<Arc<dyn Target<T>>>,
}

/// Where reports go.
trait Target<T>: Send + Sync {
    fn report(&self, step: T);
    fn is_wanted(&self) -> bool;
}

impl<T> Progress<T> {
    /// For a call: has `hear` called with each report that arrives, in order.
    ///
    /// It is called by the task that awaits the call, while it does, and not after the call is ready or
    /// dropped. It should not block. While that task is not polled, up to 16 reports wait, or 16 KiB of them;
    /// then the oldest are dropped. A report of another type than `T` is ignored.
    ///
    /// Clones of a progress may be passed to several calls; of reports that arrive at the same time all but
    /// one are dropped.
    ///
    /// ```
    /// # use birpc_core::{Call, CallError, ErrorObject, Progress};
    /// # type Built = Call<Result<(), ErrorObject>>;
    /// # trait Ci { fn build(&self, target: String, progress: Progress<u8>) -> Built; }
    /// # async fn example(ci: impl Ci) -> Result<(), CallError> {
    /// ci.build("all".into(), Progress::to(|percent| println!("{percent} %"))).await?;
    /// # Ok(()) }
    /// ```
    pub fn to(hear: impl FnMut(T) + Send + 'static) -> Self {
        Self { target: Some(Arc::new(Callback::new(hear))) }
    }

    /// For a call whose progress nobody wants to hear.
    #[must_use]
    pub const fn none() -> Self {
        Self { target: None }
    }

    /// Reports how far the call is. This never waits and never fails: if the caller does not want to hear, or
    /// the call has been cancelled or has ended, nothing happens. A value that does not serialise, or whose
    /// message exceeds [`max_message_out`](crate::Limits::max_message_out), is dropped.
    pub fn report(&self, step: T) {
        if let Some(target) = &self.target {
            target.report(step);
        }
    }

    /// Whether the caller wants to hear, so that the work of finding out how far the call is can be saved.
    /// `false` once the call has been cancelled or has ended.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.target.as_ref().is_some_and(|target| target.is_wanted())
    }

    /// That of a call of the peer.
    pub(crate) fn of_call(call: &Arc<ServedCall>) -> Self
    where
        T: Serialize,
    {
        let target = || Arc::new(Reporter { call: call.clone() }) as Arc<dyn Target<T>>;
        Self { target: call.progress().is_some().then(target) }
    }

    /// What a call does with reports; `None` if nobody wants to hear.
    pub(crate) fn into_listener(self) -> Option<Listener>
    where
        T: DeserializeOwned + 'static,
    {
        let hear = move |progress: Self| {
            Listener::new(move |text| match serde_json::from_slice(text) {
                Ok(step) => {
                    progress.report(step);
                    true
                }
                Err(error) => {
                    tracing::debug!(%error, "a report of progress is of another type, and ignored");
                    false
                }
            })
        };
        self.is_wanted().then(|| hear(self))
    }
}

/// Reports go to the peer that made a call.
struct Reporter {
    call: Arc<ServedCall>,
}

impl<T: Serialize> Target<T> for Reporter {
    fn report(&self, step: T) {
        report(&self.call, &step);
    }

    fn is_wanted(&self) -> bool {
        !self.call.is_over()
    }
}

fn report(call: &ServedCall, step: &dyn Json) {
    if let Some(progress) = call.progress().filter(|_| !call.is_over()) {
        progress.report(step, &call.shared, || call.is_over());
    }
}

impl<T> Clone for Progress<T> {
    fn clone(&self) -> Self {
        Self { target: self.target.clone() }
    }
}

/// The same as [`Progress::none`].
impl<T> Default for Progress<T> {
    fn default() -> Self {
        Self::none()
    }
}

impl<T> fmt::Debug for Progress<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("is_wanted", &self.is_wanted()).finish_non_exhaustive()
    }
}

impl<T: OnWire> WireType for Progress<T> {
    type Itself = Self;
    type Kind = Progressing;
}

/// Who calls receives the reports.
impl<T: Received> SentType for Progress<T> {
    type Itself = Self;
}
