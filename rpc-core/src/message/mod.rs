//! The message codec: JSON-RPC 2.0 text to [`Incoming`] in one pass, and back.
//!
//! The members of a message decide of which kind it is; its types and its id do not. Params, results and
//! error data remain text until typed code decodes them. This module knows nothing of sockets, tables or
//! tasks.

mod absent;
mod arguments;
mod batch_replies;
mod batch_text;
mod code;
mod decode;
mod elements;
mod encode;
mod error_object;
mod finite;
mod grammar;
mod id;
mod members;
mod no_place;
mod params;
mod progress_words;
#[cfg(any(test, feature = "__internals"))]
pub(crate) mod properties;
mod reply;
mod served;
mod shared_params;
mod stream_words;
mod strings;
mod subscription_event;
#[cfg(test)]
mod tests;
mod topic_words;

pub(crate) use absent::GivenWire;
pub use absent::{Given, Null};
pub(crate) use arguments::{Argument, Arguments, Positional, SentNull};
pub use arguments::{Fields, Named};
pub use code::ErrorCode;
pub use error_object::ErrorObject;
pub use id::Id;

pub(crate) use batch_replies::{BatchReplies, SHORT_ERROR};
pub(crate) use batch_text::{BatchEntry, BatchText};
pub(crate) use decode::{Decoded, as_notification, decode, decode_element};
#[cfg(feature = "schema")]
pub(crate) use elements::may_be_missing;
pub(crate) use elements::{Element, without_value};
pub(crate) use encode::{EncodeError, Json, RequestText, encode_notification, is_reserved, within};
pub(crate) use finite::raw_json;
pub(crate) use members::{
    Extensions, Incoming, Request, Response, ResponseOutcome, Version, array_elements, object_members, string,
};
pub(crate) use no_place::NoPlace;
pub(crate) use params::ParamsError;
pub use params::{Params, Single, SingleWith};
pub(crate) use progress_words::ProgressWords;
pub(crate) use reply::{
    Answer, SHORTEST_REPLY, begin_reply, bounded_error_reply, error_reply, finish_reply, unserializable,
    write_error, write_raw_result, write_result,
};
pub(crate) use shared_params::{IncomingParams, SharedParams};
pub(crate) use stream_words::{
    Elements, ParsedWord, Totals, Word, WordText, parse_initial_credit, parse_stream_param,
};
pub(crate) use subscription_event::{
    EventContent, SubscriptionEvent, parse_subscription_id, subscription_error,
};
pub(crate) use topic_words::{JOIN, LEAVE, LEFT};
