//! The methods that a subprotocol reserves. They are a value, since LSP and MCP have other names for them.

use bytes::Bytes;

use crate::message::{Id, encode_notification};

/// The subprotocols that birpc speaks, in its order of preference.
pub const SUBPROTOCOLS: [&str; 2] = ["birpc.v1", "jsonrpc"];

/// What a connection's subprotocol adds to JSON-RPC 2.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    cancel: Option<Cancel>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cancel {
    method: &'static str,
    id_member: &'static str,
}

impl Dialect {
    /// Plain JSON-RPC 2.0: nothing is sent that the application did not ask for.
    pub(crate) const PLAIN: Self = Self { cancel: None };

    /// `birpc.v1`: plain JSON-RPC 2.0 and `rpc.cancel {"id"}`.
    pub(crate) const BIRPC_V1: Self = Self { cancel: Some(Cancel { method: "rpc.cancel", id_member: "id" }) };

    /// The dialect of a negotiated subprotocol; a name that is not birpc's own is an application's, whose
    /// messages are plain.
    pub(crate) fn of(subprotocol: Option<&str>) -> Self {
        match subprotocol {
            Some("birpc.v1") => Self::BIRPC_V1,
            _ => Self::PLAIN,
        }
    }

    /// The notification that tells the peer to stop serving a call of ours.
    pub(crate) fn cancel(self, id: u64) -> Option<Bytes> {
        let cancel = self.cancel?;
        let params = std::collections::BTreeMap::from([(cancel.id_member, id)]);
        encode_notification(cancel.method, &params).ok()
    }

    /// Whether a notification with that method is a cancel.
    pub(crate) fn is_cancel(self, method: &str) -> bool {
        self.cancel.is_some_and(|cancel| cancel.method == method)
    }

    /// The id that a cancel names.
    pub(crate) fn cancelled_id(self, params: Option<&serde_json::value::RawValue>) -> Option<Id> {
        let members: std::collections::HashMap<String, &serde_json::value::RawValue> =
            serde_json::from_str(params?.get()).ok()?;
        Id::from_raw(members.get(self.cancel?.id_member)?)
    }
}
