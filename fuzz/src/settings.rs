//! The first byte of an input: the kind of the connection.

use std::sync::Arc;

use birpc_core::transport::Role;
use birpc_core::{Config, ConnectionInfo, Dialect};

/// How the connection ends after the input.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Finish {
    /// The peer disconnects without a close frame.
    Cut,
    /// The peer reads, and sends nothing more.
    Silent,
    /// The peer neither reads nor writes.
    Stalled,
    /// This side closes, and the peer reads.
    Close,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings(u8);

impl Settings {
    pub(crate) fn new(byte: u8) -> Self {
        Self(byte)
    }

    /// The role of birpc's side.
    pub(crate) fn role(self) -> Role {
        if self.0 & 1 == 0 { Role::Server } else { Role::Client }
    }

    /// Whether the input is raw bytes or a script.
    pub(crate) fn is_raw(self) -> bool {
        self.0 & 2 != 0
    }

    pub(crate) fn finish(self) -> Finish {
        match self.0 >> 2 & 3 {
            0 => Finish::Cut,
            1 => Finish::Silent,
            2 => Finish::Stalled,
            _ => Finish::Close,
        }
    }

    /// The number of bytes that the wire holds in each direction.
    pub(crate) fn pipe(self) -> usize {
        if self.0 & 0x10 == 0 { 64 << 10 } else { 64 }
    }

    pub(crate) fn info(self) -> ConnectionInfo {
        let mut info = ConnectionInfo::default();
        info.subprotocol = (self.0 & 0x20 != 0).then(|| "birpc.v1".to_owned());
        info
    }

    /// Limits that a small input can exceed.
    pub(crate) fn config(self) -> Arc<Config> {
        let mut config = Config::default();
        config.dialect = match self.0 >> 6 {
            0 => Dialect::plain(),
            1 => Dialect::lsp(),
            2 => Dialect::mcp(),
            _ => Dialect::plain().cancel_method("c", "i").without_cancel_reply(),
        };
        let limits = &mut config.limits;
        (limits.max_message_in, limits.max_message_out) = (1024, 2048);
        (limits.max_fragments, limits.max_control_rate) = (8, 16);
        (limits.max_batch, limits.max_in_flight, limits.max_open) = (4, 2, 8);
        (limits.max_parked_bytes, limits.max_queued_bytes) = (128, 2048);
        (limits.max_streams, limits.max_stream_bytes) = (2, 256);
        (limits.stream_window_items, limits.stream_window_bytes) = (4, 64);
        Arc::new(config)
    }
}
