//! The other servers, as the groups of this one use them. birpc's `cluster` implements it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde_json::value::RawValue;

use super::error::GroupError;
use super::event::Meta;
use super::global_id::GlobalId;
use super::sent::Remote;
use super::target::Target;
use crate::close::CloseFrame;
use crate::error::CallError;
use crate::message::{RequestText, as_notification};
use crate::peer::PeerId;

/// The other servers of a cluster, as the groups of this one use them.
///
/// The methods that return a future or a stream are called in the task, and so in the span, of whoever sends
/// or calls, when the application's future is first polled.
pub trait OtherServers: Send + Sync + 'static {
    /// This server has its first peer of a group or a user, or has no more. Never called for
    /// [`Target::All`]. It is called under the registry's lock, in the order of the changes, so it must not
    /// block, and must not call the groups.
    fn set_wanted(&self, target: &Target, wanted: bool);

    /// Completes when what other servers send to this target from now on reaches this server; at once if that
    /// is so already. [`Remote::Unreachable`] in an outage. Called after `set_wanted(target, true)`. `Err`
    /// only if the engine refuses the subscription.
    fn proved(&self, target: &Target) -> BoxFuture<'static, Result<Remote, GroupError>>;

    /// Maximum size of a text that can be passed on, in bytes: what the engine can take, less the envelope.
    fn max_text(&self) -> usize;

    /// Passes something on to the peers of other servers. What one task sends is passed on in the order of
    /// the calls of this method, whenever their futures are polled. It may be passed on even if the future
    /// is dropped.
    fn publish(
        &self,
        target: &Target,
        except: &BTreeSet<GlobalId>,
        message: Message,
    ) -> BoxFuture<'static, Remote>;

    /// Calls a peer of another server. Dropping the future cancels the call. The caller's timeout is kept
    /// by the groups too. An id whose server or peer does not exist ends as `Disconnected { sent: false }`.
    fn call(
        &self,
        peer: GlobalId,
        request: RemoteRequest,
    ) -> BoxFuture<'static, Result<Box<RawValue>, CallError>>;

    /// Sends a notification to a peer of another server: a whole message.
    fn notify(&self, peer: GlobalId, text: Bytes) -> BoxFuture<'static, Result<(), CallError>>;

    /// Calls all peers of other servers that belong to the target when the stream is first polled. Each of
    /// them is yielded exactly once; a server that did not say in time who its members are is yielded as its
    /// id ([`super::global_id()`] with 0) with `Disconnected { sent: true }`.
    fn ask(
        &self,
        target: &Target,
        except: &BTreeSet<GlobalId>,
        request: RemoteRequest,
    ) -> BoxStream<'static, (GlobalId, Result<Box<RawValue>, CallError>)>;

    /// How many peers of other servers belong to the target.
    fn count(&self, target: &Target) -> BoxFuture<'static, usize>;

    /// An entry of this server's own presence has changed; `None`: it is removed. Called as
    /// [`OtherServers::set_wanted`] is.
    fn presence_changed(&self, entry: &PresenceKey, meta: Option<&Meta>);
}

/// What is passed on to peers of other servers.
#[derive(Clone, Debug)]
pub enum Message {
    /// A notification: the text of a whole message.
    Notification(Bytes),
    /// Their connections are closed.
    Close(CloseFrame),
}

/// The identity of a presence entry among those of its server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PresenceKey {
    /// The group.
    pub group: Arc<str>,
    /// The key under which the peer is present.
    pub key: Arc<str>,
    /// The peer.
    pub peer: PeerId,
}

/// A call to a peer of another server. The connection to the peer adds an id of its own.
#[derive(Clone, Debug)]
pub struct RemoteRequest {
    request: RequestText,
    timeout: Duration,
    sensitive: bool,
}

impl RemoteRequest {
    pub(crate) fn new(request: RequestText, timeout: Duration, sensitive: bool) -> Self {
        Self { request, timeout, sensitive }
    }

    /// A request that has come from another server, with the time that is left; `None` if the text is not
    /// one.
    #[must_use]
    pub fn received(text: &[u8], timeout: Duration, sensitive: bool) -> Option<Self> {
        let whole = [text, b"}"].concat();
        let (method, params) = as_notification(&whole)?;
        // Encoded anew, so that it has no other members.
        let request = RequestText::encode_text(&method, params).ok()?;
        Some(Self { request, timeout, sensitive })
    }

    /// The text, for [`RemoteRequest::received`].
    #[must_use]
    pub fn text(&self) -> &[u8] {
        self.request.as_bytes()
    }

    /// The method's name.
    #[must_use]
    pub fn method(&self) -> String {
        self.request.method().into_owned()
    }

    /// How long the caller waits.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether errors must not show the result.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        self.sensitive
    }

    pub(super) fn into_request(self) -> RequestText {
        self.request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(text: &str) -> Option<String> {
        let request = RemoteRequest::received(text.as_bytes(), Duration::MAX, false)?;
        Some(String::from_utf8(request.text().to_vec()).expect("UTF-8"))
    }

    #[test]
    fn a_request_is_the_same_on_the_other_server() {
        for (method, params) in [("a", None), ("é\"\\\n", Some("[1.50, {}]")), ("a", Some(r#"{"a": "}"}"#))]
        {
            let request = RequestText::encode_text(method, params).expect("it is structured");
            let request = RemoteRequest::new(request, Duration::from_secs(1), true);
            assert_eq!(request.method(), method);
            let text = String::from_utf8(request.text().to_vec()).expect("UTF-8");
            assert_eq!(received(&text), Some(text));
        }
    }

    #[test]
    fn other_texts_are_no_requests() {
        let start = r#"{"jsonrpc":"2.0","method":"a""#;
        assert_eq!(received(start).as_deref(), Some(start));
        let with_stream = format!("{start},\"stream\":[1,1]");
        assert_eq!(received(&with_stream).as_deref(), Some(start), "other members are left out");
        let with = |more: &str| format!("{start}{more}");
        let texts = ["", "{", "[", r#"{"jsonrpc":"2.0""#, r#"{"method":"a""#, "\u{0}"].map(String::from);
        let more = [",\"id\":1", ",\"params\":7", ",", "}", ",\"params\":[", "}{", "},{\"a\":1"].map(with);
        for text in texts.iter().chain(&more) {
            assert_eq!(received(text), None, "{text}");
        }
        assert!(RemoteRequest::received(&[0xff], Duration::ZERO, false).is_none());
    }
}
