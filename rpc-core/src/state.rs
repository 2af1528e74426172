//! Where a connection is in its life.

/// Where a connection is in its life: `readyState` of the browser's WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionState {
    /// A client that reconnects has no connection, and tries to get one. No other handle shows it: there are
    /// handles only after the opening handshake.
    Connecting,
    /// Calls go both ways.
    Open,
    /// A close was asked for, or has come, and the closing handshake goes on.
    Closing,
    /// It has ended.
    Closed,
}
