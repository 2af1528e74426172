//! The result of a call by name, if its caller does not know whether it is a value or a stream.

use serde::de::DeserializeOwned;

use super::body::CalledBody;
use super::raw_reply::RawReply;
use crate::error::ErrorDetail;
use crate::streaming::Streaming;

/// The result of a call by name whose caller does not know whether the method returns a value or a stream,
/// such as that of a tool.
///
/// Under `birpc.v1` the call asks for a stream, and the reply decides. An empty stream whose peer does not
/// say that it is open cannot be told from the value null, and is a value. If the peer does not speak
/// `birpc.v1`, the result is a value. Such a call bypasses the layers of its handle, as calls with streams
/// do.
///
/// ```
/// # use birpc_core::{CallError, ErrorObject, Peer, RawValue, ValueOrStream};
/// type Any = Result<ValueOrStream<Box<RawValue>>, ErrorObject>;
///
/// # async fn example(peer: Peer) -> Result<(), CallError> {
/// match peer.invoke::<Any>("log.tail", ["a.log"]).await? {
///     ValueOrStream::Value(value) => println!("{value}"),
///     ValueOrStream::Stream(mut items) => {
///         while let Some(Ok(item)) = items.next().await {
///             println!("{item}");
///         }
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub enum ValueOrStream<T> {
    /// The method has returned a value.
    Value(T),
    /// The method has returned a stream.
    Stream(Streaming<T>),
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + Send + 'static> CalledBody for ValueOrStream<T> {
    const IS_STREAM: bool = true;
    const MAY_BE_VALUE: bool = true;

    fn from_reply(reply: RawReply) -> Result<Self, ErrorDetail> {
        match reply.is_stream() {
            true => reply.into_stream().map(Self::Stream),
            false => reply.decode().map(Self::Value),
        }
    }
}
