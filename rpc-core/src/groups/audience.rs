//! The peers to which something is sent: those of a group, of a user, or all.

use std::sync::Arc;
use std::time::Duration;

use super::answers::Answers;
use super::global_id::GlobalId;
use super::recipient::Recipient;
use super::recipients::Recipients;
use super::registry::Registry;
use super::sending::Sending;
use super::sent::Sent;
use super::target::Target;
use crate::close::{CloseFrame, IntoCloseCode, InvalidClose};
use crate::peer::{Call, CallTemplate, CalledResult, Notify, Peer};

/// The timeout of [`Audience::ask`].
const TIMEOUT: Duration = Duration::from_secs(10);

/// The peers of a group, of a user, or all, to which something is sent: those of all servers, if some are
/// connected. See [`crate::Groups`].
///
/// Nobody is held by it: what is sent goes to the peers that belong to it when sending begins.
#[derive(Clone, Debug)]
#[must_use = "an audience does nothing until something is sent to it"]
pub struct Audience {
    recipients: Recipients,
    timeout: Duration,
}

impl Audience {
    pub(super) fn new(registry: Arc<Registry>, target: Target) -> Self {
        Self { recipients: Recipients::new(registry, target), timeout: TIMEOUT }
    }

    /// Leaves out one peer, such as the one whose message is passed on ([`Peer::global_id`]). May be used
    /// several times.
    pub fn except(mut self, peer: GlobalId) -> Self {
        self.recipients.leave_out(peer);
        self
    }

    /// Sets the timeout of each call of [`Audience::ask`]. Default: 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends a notification to each of these peers. It is encoded once, now, and sent when the future is
    /// polled. Sending never waits for a peer: if the queue of one is full, [`crate::WhenFull`] decides for
    /// that peer alone ([`Sent::missed`], [`crate::Groups::missed`]).
    ///
    /// If other servers are connected, the peers of this one get it first, and the future waits until it was
    /// passed on to the others, which takes a second at most. [`Sent::remote`] says whether it was.
    ///
    /// A peer gets the notifications that one task sends to the same group, user or server, in the order in
    /// which they were sent.
    ///
    /// ```
    /// # use birpc_core::{CallError, Context, Peer};
    /// # async fn example(cx: &Context) -> Result<(), CallError> {
    /// // With a stub: `.send(|user: &UserClient| user.said("hello".into()))`.
    /// let room = cx.groups().to("room:1").except(cx.peer().global_id());
    /// let sent = room.send(|peer: &Peer| peer.notify("user.said", ["hello"])).await?;
    /// println!("{} have it, {} miss it", sent.local, sent.missed);
    /// # Ok(()) }
    /// ```
    /// # Errors
    /// The future returns [`crate::CallError::Unsendable`] if the params do not serialise, or the message
    /// exceeds [`crate::Limits::max_message_out`] or what the servers can pass on to each other. Nobody gets
    /// it then.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is polled, nothing is sent. If it is dropped later, the peers of
    /// this server have it, and those of others may have it.
    pub fn send<S: From<Peer>>(self, notification: impl FnOnce(&S) -> Notify) -> Sending {
        let stub = S::from(Peer::unconnected());
        let encoded = notification(&stub).encode();
        Sending::new(self.recipients, encoded)
    }

    /// Calls each of these peers. The returned stream yields the result or error of each of them, in the
    /// order in which they arrive. The peers are those that belong to the audience when the stream is
    /// first polled.
    ///
    /// Each peer is yielded exactly once: also if it refuses the call, disconnects, or does not answer within
    /// [`Audience::timeout`], which counts for each call from when it is made. At most 1000 calls are open at
    /// once, and fewer if the request is larger than 64 KiB: their requests have at most 64 MiB together.
    /// The params are encoded once. A call that takes or returns a stream, or reports progress, cannot be
    /// asked: each peer of this server is yielded with [`crate::CallError::Unsendable`].
    ///
    /// If other servers are connected, each of them calls its own peers. One that does not say in time who
    /// they are is yielded itself, as an id for which [`GlobalId::is_server`] is true, with
    /// [`crate::CallError::Disconnected`]. While the others cannot be reached, the peers of this server are
    /// called.
    ///
    /// ```
    /// # use birpc_core::{Context, Peer};
    /// # use std::time::Duration;
    /// # async fn example(cx: &Context) {
    /// // With a stub: `.ask(|user: &UserClient| user.vote("tea or coffee?".into()))`.
    /// let room = cx.groups().to("room:1").timeout(Duration::from_secs(5));
    /// let mut votes = room.ask(|peer: &Peer| peer.call::<String>("user.vote", ["tea or coffee?"]));
    /// while let Some((peer, vote)) = votes.next().await {
    ///     match vote {
    ///         Ok(vote) => println!("{peer} votes for {vote}"),
    ///         Err(error) => println!("{peer} does not vote: {error}"),
    ///     }
    /// }
    /// # }
    /// ```
    /// # Cancel safety
    /// Dropping the stream cancels the calls that are open, and makes no further ones.
    pub fn ask<S, R>(self, call: impl FnOnce(&S) -> Call<R>) -> Answers<R>
    where
        S: From<Peer>,
        R: CalledResult,
    {
        let stub = S::from(Peer::unconnected());
        let template = CallTemplate::new(call(&stub), self.recipients.max_message());
        Answers::new(self.recipients, template, self.timeout)
    }

    /// Closes the connection of each of these peers, with a code and a reason, as [`Peer::close`] does: for
    /// a user who logs out everywhere. [`Sent::local`] is the number of those of this server, which are
    /// closed when the future is first polled.
    ///
    /// # Errors
    /// [`InvalidClose`] if the code or reason cannot be sent; all connections stay open.
    pub async fn close(self, code: impl IntoCloseCode, reason: &str) -> Result<Sent, InvalidClose> {
        let (sent, publishing) = self.recipients.close(&CloseFrame::new(code, reason)?);
        Ok(match publishing {
            Some(publishing) => Sent { remote: publishing.await, ..sent },
            None => sent,
        })
    }

    /// The peers of this server that belong to the audience now.
    pub(super) fn here(&self) -> Vec<(GlobalId, Recipient)> {
        self.recipients.now().0
    }
}
