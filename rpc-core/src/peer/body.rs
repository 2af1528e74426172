//! What a call gives when it succeeds: a value, which is the reply, or a stream, whose end is the reply.

use serde::de::DeserializeOwned;

use super::raw_reply::RawReply;
use crate::error::{ErrorDetail, MethodResult, RpcError};
use crate::streaming::Streaming;

/// What a call gives when it succeeds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be received as JSON",
    label = "`{Self}` needs serde's `Deserialize`",
    note = "derive it: `#[derive(serde::Deserialize)]`"
)]
pub trait CalledBody: Sized + Send {
    /// Whether it is a stream.
    const IS_STREAM: bool;

    /// What came.
    ///
    /// # Errors
    /// Says why it is not of this type.
    fn from_reply(reply: RawReply) -> Result<Self, ErrorDetail>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + Send> CalledBody for T {
    const IS_STREAM: bool = false;

    #[inline]
    fn from_reply(reply: RawReply) -> Result<T, ErrorDetail> {
        reply.decode()
    }
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + Send + 'static, E: RpcError> CalledBody for Streaming<T, E> {
    const IS_STREAM: bool = true;

    fn from_reply(reply: RawReply) -> Result<Self, ErrorDetail> {
        reply.into_stream()
    }
}

/// What a stub's method returns.
pub trait CalledResult: MethodResult<Ok: CalledBody> {}

impl<R: MethodResult<Ok: CalledBody>> CalledResult for R {}
