//! What servers say about calls to each other's peers.

use std::time::Duration;

use birpc_core::__private::crates::cluster::Target;
use bytes::Bytes;

use super::fields::{Malformed, Reader, Writer};
use super::remote_peer::RemotePeer;
use super::target::{decode_target, encode_target};
use crate::calls::CallId;

/// A message about calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallWord {
    /// A call to a peer. Answered by `Accepted` or `Unknown`, then `Reply`.
    Call { call: CallId, peer: u64, request: Request },
    /// The peer is called.
    Accepted { call: CallId },
    /// There is no such peer.
    Unknown { call: CallId },
    /// How a call has ended, as the groups of the two servers write and read it.
    Reply { call: CallId, outcome: Bytes },
    /// Nobody waits for a call or an `Ask` any more.
    Cancel { call: CallId },
    /// Which of the sender's calls, up to `last`, run?
    WhichRun { last: CallId },
    /// Of the calls after `after` up to `last`, these run.
    Running { after: CallId, last: CallId, calls: Vec<CallId> },
    /// A call to all peers of a target. To all servers, since each has to say whether it has such peers.
    /// Answered by `Members`, then by `Answer` for each of them.
    Ask { call: CallId, target: Target, except: Vec<RemotePeer>, request: Request },
    /// The peers that are called, in pieces.
    Members { call: CallId, peers: Vec<u64>, is_last: bool },
    /// How the call to one of them has ended.
    Answer { call: CallId, peer: u64, outcome: Bytes },
    /// How many peers has a target? To all servers.
    Count { call: CallId, target: Target },
    /// The answer.
    Counted { call: CallId, count: u64 },
}

/// A call to a peer of another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// How long the caller waits.
    pub(crate) time_left: Duration,
    /// Whether the method has values that must not be logged.
    pub(crate) is_sensitive: bool,
    /// The W3C trace context of the call; empty if there is none.
    pub(crate) traceparent: String,
    /// The request without its id.
    pub(crate) text: Bytes,
}

/// The maximum length of a trace context. Version 00 has 55 bytes; later ones may have more.
const MAX_TRACEPARENT: usize = 128;

impl CallWord {
    /// Whether this asks the receiver for something; the others are answers.
    pub(crate) fn is_question(&self) -> bool {
        match self {
            Self::Call { .. } | Self::Cancel { .. } | Self::WhichRun { .. } | Self::Ask { .. } => true,
            Self::Count { .. } => true,
            Self::Accepted { .. } | Self::Unknown { .. } | Self::Reply { .. } | Self::Running { .. } => false,
            Self::Members { .. } | Self::Answer { .. } | Self::Counted { .. } => false,
        }
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Call { call, peer, request } => {
                begin(writer, 0x20, *call);
                writer.u64(*peer);
                request.encode(writer);
            }
            Self::Accepted { call } => begin(writer, 0x21, *call),
            Self::Unknown { call } => begin(writer, 0x22, *call),
            Self::Reply { call, outcome } => {
                begin(writer, 0x23, *call);
                writer.rest(outcome);
            }
            Self::Cancel { call } => begin(writer, 0x24, *call),
            Self::WhichRun { last } => begin(writer, 0x25, *last),
            Self::Running { after, last, calls } => {
                begin(writer, 0x26, *after);
                writer.u64(*last);
                writer.list(calls, |writer, call| writer.u64(*call));
            }
            Self::Ask { call, target, except, request } => {
                begin(writer, 0x27, *call);
                encode_target(target, writer);
                writer.list(except, |writer, peer| peer.encode(writer));
                request.encode(writer);
            }
            Self::Members { call, peers, is_last } => {
                begin(writer, 0x28, *call);
                writer.u8((*is_last).into());
                writer.list(peers, |writer, peer| writer.u64(*peer));
            }
            Self::Answer { call, peer, outcome } => {
                begin(writer, 0x29, *call);
                writer.u64(*peer);
                writer.rest(outcome);
            }
            Self::Count { call, target } => {
                begin(writer, 0x2a, *call);
                encode_target(target, writer);
            }
            Self::Counted { call, count } => {
                begin(writer, 0x2b, *call);
                writer.u64(*count);
            }
        }
    }

    pub(super) fn decode(kind: u8, reader: &mut Reader) -> Result<Self, Malformed> {
        let call = reader.u64()?;
        let word = match kind {
            0x20 => Self::Call { call, peer: reader.u64()?, request: Request::decode(reader)? },
            0x21 => Self::Accepted { call },
            0x22 => Self::Unknown { call },
            0x23 => Self::Reply { call, outcome: reader.text()? },
            0x24 => Self::Cancel { call },
            0x25 => Self::WhichRun { last: call },
            0x26 => Self::Running { after: call, last: reader.u64()?, calls: reader.list(8, Reader::u64)? },
            0x27 => {
                let target = decode_target(reader)?;
                let except = reader.list(RemotePeer::SIZE, RemotePeer::decode)?;
                Self::Ask { call, target, except, request: Request::decode(reader)? }
            }
            0x28 => {
                let is_last = reader.bool()?;
                Self::Members { call, peers: reader.list(8, Reader::u64)?, is_last }
            }
            0x29 => Self::Answer { call, peer: reader.u64()?, outcome: reader.text()? },
            0x2a => Self::Count { call, target: decode_target(reader)? },
            0x2b => Self::Counted { call, count: reader.u64()? },
            _ => return Err(Malformed),
        };
        Ok(word)
    }
}

fn begin(writer: &mut Writer, kind: u8, call: CallId) {
    writer.u8(kind);
    writer.u64(call);
}

impl Request {
    fn encode(&self, writer: &mut Writer) {
        writer.duration(self.time_left);
        writer.u8(self.is_sensitive.into());
        writer.short(&self.traceparent);
        writer.rest(&self.text);
    }

    fn decode(reader: &mut Reader) -> Result<Self, Malformed> {
        let (time_left, is_sensitive) = (reader.duration()?, reader.bool()?);
        let traceparent = reader.short()?;
        let is_plain = traceparent.bytes().all(|byte| byte.is_ascii_graphic());
        if traceparent.len() > MAX_TRACEPARENT || !is_plain {
            return Err(Malformed);
        }
        Ok(Self { time_left, is_sensitive, traceparent, text: reader.text()? })
    }
}
