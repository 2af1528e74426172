//! The methods that a dialect of JSON-RPC reserves. They are values, since LSP and MCP name them differently.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::message::{Id, ProgressWords, RequestText, encode_notification};

/// The subprotocols that birpc speaks, the preferred one first.
pub const SUBPROTOCOLS: &[&str] = &["birpc.v1", "jsonrpc"];

/// What a connection adds to JSON-RPC 2.0: how a caller cancels a request, and how it hears of its progress.
///
/// A connection that agreed on the subprotocol `birpc.v1` speaks [`Dialect::birpc`]. Any other connection
/// speaks the dialect of its [`crate::Config`]; the default is [`Dialect::plain`].
///
/// ```
/// use birpc_core::Dialect;
///
/// let lsp = Dialect::lsp();
/// let own = Dialect::plain().cancel_method("job.abort", "job");
/// assert_ne!(lsp, own);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    cancel: Option<Cancel>,
    progress: Option<ProgressWords>,
    /// Whether a notification past a limit closes the connection.
    closes_on_overflow: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cancel {
    method: Cow<'static, str>,
    id_member: Cow<'static, str>,
    /// The member of the params that has the reason, if there is one.
    reason_member: Option<Cow<'static, str>>,
    /// Whether a cancelled request still gets a reply.
    answered: bool,
}

impl Dialect {
    /// Plain JSON-RPC 2.0. Requests cannot be cancelled on the wire, and report no progress.
    #[must_use]
    pub const fn plain() -> Self {
        Self { cancel: None, progress: None, closes_on_overflow: false }
    }

    /// `birpc.v1`: the notification `rpc.cancel {"id"}` cancels a request, which is then answered with
    /// −32800. `rpc.progress [id, value]` reports the progress of a request that has `"progress": true`.
    #[must_use]
    pub const fn birpc() -> Self {
        Self::cancelling("rpc.cancel", "id", ProgressWords::Birpc)
    }

    /// The [Language Server Protocol]: `$/cancelRequest {"id"}` cancels a request, which is then answered
    /// with −32800 (`RequestCancelled`). A notification that exceeds a limit of calls closes the connection
    /// ([`crate::Overflow::Close`]), unless its method or [`crate::Config::overflow`] sets something else: if
    /// a `textDocument/didChange` were dropped, the two sides would have different documents.
    ///
    /// `$/progress {"token", "value"}` reports the progress of a request whose named params have a
    /// `workDoneToken`. Partial results (`partialResultToken`) are not served.
    ///
    /// [Language Server Protocol]:
    /// https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/#cancelRequest
    #[must_use]
    pub const fn lsp() -> Self {
        let mut lsp = Self::cancelling("$/cancelRequest", "id", ProgressWords::Lsp);
        lsp.closes_on_overflow = true;
        lsp
    }

    /// The [Model Context Protocol]: `notifications/cancelled {"requestId", "reason"}` cancels a request,
    /// which then gets no reply. `notifications/progress {"progressToken", …}` reports the progress of a
    /// request whose params have a `_meta.progressToken`.
    ///
    /// [Model Context Protocol]:
    /// https://modelcontextprotocol.io/specification/2025-06-18/basic/utilities/cancellation
    #[must_use]
    pub const fn mcp() -> Self {
        Self {
            cancel: Some(Cancel {
                method: Cow::Borrowed("notifications/cancelled"),
                id_member: Cow::Borrowed("requestId"),
                reason_member: Some(Cow::Borrowed("reason")),
                answered: false,
            }),
            progress: Some(ProgressWords::Mcp),
            closes_on_overflow: false,
        }
    }

    const fn cancelling(method: &'static str, id_member: &'static str, progress: ProgressWords) -> Self {
        Self {
            cancel: Some(Cancel {
                method: Cow::Borrowed(method),
                id_member: Cow::Borrowed(id_member),
                reason_member: None,
                answered: true,
            }),
            progress: Some(progress),
            closes_on_overflow: false,
        }
    }

    /// Sets the notification that cancels a request, and the member of its params that has the request's id.
    /// A cancelled request is answered with −32800, unless [`Dialect::without_cancel_reply`] is set.
    #[must_use]
    pub fn cancel_method(
        self,
        method: impl Into<Cow<'static, str>>,
        id_member: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (method, id_member) = (method.into(), id_member.into());
        Self { cancel: Some(Cancel { method, id_member, reason_member: None, answered: true }), ..self }
    }

    /// Cancelled requests get no reply. Without a cancel method this has no effect.
    #[must_use]
    pub fn without_cancel_reply(mut self) -> Self {
        if let Some(cancel) = &mut self.cancel {
            cancel.answered = false;
        }
        self
    }

    /// The notification that cancels a call of ours.
    pub(crate) fn cancel(&self, id: u64, why: &str) -> Option<Bytes> {
        let cancel = self.cancel.as_ref()?;
        encode_notification(&cancel.method, &CancelParams { cancel, id, why }).ok()
    }

    /// Whether a notification with that method is a cancel.
    pub(crate) fn is_cancel(&self, method: &str) -> bool {
        self.cancel.as_ref().is_some_and(|cancel| cancel.method == method)
    }

    /// The id of the request that a cancel names.
    pub(crate) fn cancelled_id(&self, params: Option<&str>) -> Option<Id> {
        let members: HashMap<String, &RawValue> = serde_json::from_str(params?).ok()?;
        Id::from_json(members.get(&*self.cancel.as_ref()?.id_member)?.get())
    }

    /// How the peers speak of the progress of a request, if they do.
    #[inline]
    pub(crate) fn progress(&self) -> Option<ProgressWords> {
        self.progress
    }

    /// The text of a request that asks for progress, if the peer can report it.
    #[cold]
    pub(crate) fn asking_progress(&self, request: RequestText, id: u64) -> Bytes {
        match self.progress {
            Some(words) => words.ask(request, id).finish(id),
            None => request.finish(id),
        }
    }

    /// Whether a notification past a limit closes the connection.
    pub(crate) fn closes_on_overflow(&self) -> bool {
        self.closes_on_overflow
    }

    /// Whether a cancelled request still gets a reply.
    pub(crate) fn answers_cancelled(&self) -> bool {
        self.cancel.as_ref().is_none_or(|cancel| cancel.answered)
    }
}

struct CancelParams<'a> {
    cancel: &'a Cancel,
    id: u64,
    why: &'a str,
}

impl Serialize for CancelParams<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry(&self.cancel.id_member, &self.id)?;
        if let Some(reason) = &self.cancel.reason_member {
            members.serialize_entry(reason, self.why)?;
        }
        members.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_has_its_own_word() {
        let said = |dialect: Dialect| {
            dialect.cancel(7, "gone").map(|text| String::from_utf8_lossy(&text).into_owned())
        };
        let cancel = |method: &str, params: &str| {
            Some(format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#))
        };
        assert_eq!(said(Dialect::plain()), None);
        assert_eq!(said(Dialect::birpc()), cancel("rpc.cancel", r#"{"id":7}"#));
        assert_eq!(said(Dialect::lsp()), cancel("$/cancelRequest", r#"{"id":7}"#));
        assert_eq!(
            said(Dialect::mcp()),
            cancel("notifications/cancelled", r#"{"requestId":7,"reason":"gone"}"#)
        );
        let own = Dialect::plain().cancel_method("abort", "job");
        assert_eq!(said(own), cancel("abort", r#"{"job":7}"#));
    }

    #[test]
    fn the_id_is_found_among_other_members() {
        let params = r#"{"reason":{"requestId":1},"requestId":"a"}"#;
        let id = Dialect::mcp().cancelled_id(Some(params)).expect("it names one");
        assert_eq!(id.to_string(), "\"a\"");
        assert_eq!(Dialect::lsp().cancelled_id(Some(params)), None);
        assert_eq!(Dialect::lsp().cancelled_id(None), None);
        assert_eq!(Dialect::lsp().cancelled_id(Some("[1]")), None);
        assert_eq!(Dialect::lsp().cancelled_id(Some(r#"{"id":{}}"#)), None);
    }

    #[test]
    fn only_mcp_leaves_a_cancelled_request_unanswered() {
        assert!(Dialect::birpc().answers_cancelled() && Dialect::lsp().answers_cancelled());
        assert!(!Dialect::mcp().answers_cancelled());
        assert!(!Dialect::lsp().without_cancel_reply().answers_cancelled());
    }
}
