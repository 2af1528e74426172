//! JSON-RPC 2.0 over WebSockets in which either peer can call the other.

pub use birpc_core::{
    Call, CallError, CloseCode, CloseFrame, CloseReason, Config, Connection, ConnectionInfo, Context,
    Dialect, DuplicateMethod, ErrorCode, ErrorObject, Id, Initiator, InvalidClose, Keepalive, Limits,
    MethodResult, Notify, Peer, Router, RpcError, SUBPROTOCOLS, transport,
};

#[cfg(feature = "client")]
pub use birpc_client::{Client, ClientBuilder, ConnectError};
#[cfg(feature = "macros")]
pub use birpc_macros::{RpcError, rpc};
#[cfg(feature = "server")]
pub use birpc_server::{Peers, ServeError, Server, ServerBuilder, ServerHandle};

#[doc(hidden)]
pub use birpc_core::__private;
