//! The successful result of a call: a value, which is the reply, or a stream, whose end is the reply.

use serde::de::DeserializeOwned;

use super::raw_reply::RawReply;
use crate::error::{ErrorDetail, MethodResult, RpcError};
use crate::streaming::Streaming;

/// The successful result of a call.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be received as JSON",
    label = "`{Self}` needs serde's `Deserialize`",
    note = "derive it: `#[derive(serde::Deserialize)]`"
)]
pub trait CalledBody: Sized + Send {
    /// Whether the result is a stream.
    const IS_STREAM: bool;
    /// Whether a result that is a stream may be a value too.
    const MAY_BE_VALUE: bool = false;

    /// Converts the reply.
    ///
    /// # Errors
    /// Why the reply does not decode to this type.
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

/// The result of a stub's method.
pub trait CalledResult: MethodResult<Ok: CalledBody> {}

impl<R: MethodResult<Ok: CalledBody>> CalledResult for R {}
