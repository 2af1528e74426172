//! Streams that are sent, with their items as text, so that code that sends them does not depend on the type.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::Stream;
use serde::{Deserialize, Serialize};

use super::Streaming;
use crate::error::RpcError;
use crate::message::{ErrorObject, WordText, unserializable};
use crate::progress_listener::Listener;

/// A stream whose items are written as text.
pub(crate) trait Source: Send {
    /// Adds the next item to a message.
    fn poll_item(&mut self, cx: &mut Context<'_>, word: &mut WordText) -> Poll<Pulled>;

    /// Whether the stream never ends by itself.
    fn is_endless(&self) -> bool;
}

/// The result of [`Source::poll_item`].
#[derive(Debug)]
pub(crate) enum Pulled {
    /// An item was added. The number is the size of its text in bytes.
    Item(u64),
    /// The stream is complete.
    Complete,
    Failed(ErrorObject),
}

impl<T: Serialize, E: RpcError> Source for Streaming<T, E> {
    fn poll_item(&mut self, cx: &mut Context<'_>, word: &mut WordText) -> Poll<Pulled> {
        Pin::new(self).poll_next(cx).map(|next| match next {
            None => Pulled::Complete,
            Some(Err(error)) => Pulled::Failed(error.into_error_object()),
            Some(Ok(item)) => match word.value(&item) {
                Ok(bytes) => Pulled::Item(bytes),
                Err(error) => Pulled::Failed(unserializable(&error)),
            },
        })
    }

    fn is_endless(&self) -> bool {
        self.endless
    }
}

/// The arguments of a call that are not values: streams, which are represented by numbers in the call's
/// params, and the listener for the call's progress.
#[derive(Default)]
pub struct Sources(Vec<Argument>);

enum Argument {
    Stream(Box<dyn Source>),
    Progress(Listener),
}

impl Sources {
    /// Adds a stream. Returns what represents it in the params.
    pub(crate) fn add(&mut self, source: impl Source + 'static) -> StreamParam {
        let streams = self.0.iter().filter(|argument| matches!(argument, Argument::Stream(_))).count();
        self.0.push(Argument::Stream(Box::new(source)));
        // A call has at most 16 params.
        StreamParam { stream: streams as u16 + 1 }
    }

    /// Adds the listener for the call's progress.
    pub(crate) fn add_listener(&mut self, listener: Listener) {
        self.0.push(Argument::Progress(listener));
    }

    /// Removes the listener and returns it, if there is one. Only streams stay.
    pub(crate) fn take_listener(&mut self) -> Option<Listener> {
        let (progress, streams) =
            std::mem::take(&mut self.0).into_iter().partition(|it| matches!(it, Argument::Progress(_)));
        self.0 = streams;
        let progress: Vec<_> = progress;
        progress.into_iter().find_map(|argument| match argument {
            Argument::Progress(listener) => Some(listener),
            Argument::Stream(_) => None,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns each stream with its number.
    pub(crate) fn into_numbered(self) -> impl Iterator<Item = (u16, Box<dyn Source>)> {
        let streams = self.0.into_iter().filter_map(|argument| match argument {
            Argument::Stream(source) => Some(source),
            Argument::Progress(_) => None,
        });
        (1..).zip(streams)
    }
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sources").field(&self.0.len()).finish()
    }
}

/// Represents an argument that is a stream in the params of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "{\"stream\": k}, the number of a stream")]
pub struct StreamParam {
    pub(crate) stream: u16,
}
