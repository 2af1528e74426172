//! The message codec: JSON-RPC 2.0 text to [`Incoming`] in one pass, and back.
//!
//! What a message is follows from the members that it has, never from trying types in turn and never
//! from its id. Params, results and error data stay raw text until typed code asks for them. Nothing here
//! knows of sockets, tables or tasks.

mod absent;
mod arguments;
mod batch_replies;
mod batch_text;
mod code;
mod decode;
mod encode;
mod error_object;
mod finite;
mod grammar;
mod id;
mod members;
mod params;
#[cfg(any(test, feature = "__internals"))]
pub(crate) mod properties;
mod reply;
mod served;
mod shared_params;
mod strings;
#[cfg(test)]
mod tests;

pub use absent::{Given, Null};
pub(crate) use arguments::{Arguments, Positional};
pub use arguments::{Fields, Named};
pub use code::ErrorCode;
pub use error_object::ErrorObject;
pub use id::Id;

pub(crate) use batch_replies::{BatchReplies, SHORT_ERROR};
pub(crate) use batch_text::{BatchEntry, BatchText};
pub(crate) use decode::{Decoded, decode, decode_element};
pub(crate) use encode::{EncodeError, Json, RequestText, encode_notification, within};
pub(crate) use finite::raw_json;
pub(crate) use members::{
    Incoming, Response, ResponseOutcome, Version, array_elements, object_members, string,
};
pub use params::{Params, Single};
pub(crate) use params::{ParamsError, without_value};
pub(crate) use reply::{
    Answer, SHORTEST_REPLY, begin_reply, bounded_error_reply, error_reply, finish_reply, unserializable,
    write_error, write_raw_result, write_result,
};
pub(crate) use shared_params::{IncomingParams, SharedParams};
