//! The progress of a call, which its handler reports and to which its caller listens.

mod callback;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{OnWire, Progressing, Received, SentType, WireType};
use crate::message::Json;
use crate::observe::count_queued_report;
use crate::progress_listener::Listener;
use crate::served_call::ServedCall;
use callback::Callback;

/// The progress of a call, as values of type `T`. It is a parameter of a method: the handler reports to it,
/// and the caller listens with it.
///
/// A method of a trait under `#[rpc]` takes at most one such parameter, in any position. It is not part of
/// `params`. The handler calls [`Progress::report`]. The caller passes [`Progress::to`] with a function, or
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
/// // Without a connection the function runs at once, so a handler can be tested alone.
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
/// # Newer reports replace older ones
/// A report that is not sent yet is replaced by a newer one of the same call. So a handler may report any
/// number of times, also to a slow caller. Reports arrive in order and before the reply. The last report
/// before the handler returns is always sent. If every report matters, return a
/// [`Streaming`](crate::Streaming) instead.
///
/// # Which peers
/// Progress works under `birpc.v1`, and with [`Dialect::lsp`] and [`Dialect::mcp`]. On other connections it
/// is neither asked for nor reported.
///
/// [`Dialect::lsp`]: crate::Dialect::lsp
/// [`Dialect::mcp`]: crate::Dialect::mcp
pub struct Progress<T> {
    /// `None` if the caller does not listen.
    target: Option<Arc<dyn Target<T>>>,
}

/// Where reports go.
trait Target<T>: Send + Sync {
    fn report(&self, step: T);
    fn is_wanted(&self) -> bool;
}

impl<T> Progress<T> {
    /// Listens to a call: `hear` gets each report that arrives, in order.
    ///
    /// The task that awaits the call runs `hear`, and not after the call is ready or dropped. `hear` should
    /// not block. While that task is not polled, up to 16 reports wait, or 16 KiB of them; beyond that the
    /// oldest are dropped. A report that is not of type `T` is ignored.
    ///
    /// Clones may be passed to several calls. If several reports arrive at the same time, all but one are
    /// dropped.
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

    /// Does not listen.
    #[must_use]
    pub const fn none() -> Self {
        Self { target: None }
    }

    /// Reports progress to the caller. This never waits and never fails. It has no effect if the caller does
    /// not listen, the call was cancelled, or its handler has returned. A value that does not serialise, or
    /// whose message exceeds [`max_message_out`](crate::Limits::max_message_out), is dropped.
    pub fn report(&self, step: T) {
        if let Some(target) = &self.target {
            target.report(step);
        }
    }

    /// Whether the caller listens, so that a handler can avoid work that only reports need. `false` once the
    /// call was cancelled or its handler has returned.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.target.as_ref().is_some_and(|target| target.is_wanted())
    }

    /// The progress of an incoming call.
    pub(crate) fn of_call(call: &Arc<ServedCall>) -> Self
    where
        T: Serialize,
    {
        let target = || Arc::new(Reporter { call: call.clone() }) as Arc<dyn Target<T>>;
        Self { target: call.progress().is_some().then(target) }
    }

    /// The listener of an outgoing call; `None` if its caller does not listen.
    pub(crate) fn into_listener(self) -> Option<Listener>
    where
        T: DeserializeOwned + 'static,
    {
        if !self.is_wanted() {
            return None;
        }
        Some(Listener::new(move |text| serde_json::from_slice(text).map(|step| self.report(step))))
    }
}

/// The target of an incoming call: reports are sent to the peer that made it.
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

/// Sends a report. It does not depend on the type of the report, so it is compiled once.
fn report(call: &ServedCall, step: &dyn Json) {
    if let Some(progress) = call.progress().filter(|_| !call.is_over())
        && progress.report(step, &call.method, &call.shared, || call.is_over())
    {
        count_queued_report(&call.method, call.shared.meters());
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

#[diagnostic::do_not_recommend]
impl<T: OnWire> WireType for Progress<T> {
    type Itself = Self;
    type Kind = Progressing;
}

/// The caller receives the reports.
#[diagnostic::do_not_recommend]
impl<T: Received> SentType for Progress<T> {
    type Itself = Self;
}
