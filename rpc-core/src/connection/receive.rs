//! Handles an incoming message: starts a handler, completes an outgoing call, or answers with an error.

use bytes::Bytes;

use super::ending::Ending;
use super::first_poll::Unstarted;
use super::inbound::{Inbound, Matched};
use super::outbound::Outbound;
use super::serving::{Admitted, Serving};
use super::step::Step;
use crate::close::CloseCode;
use crate::message::{
    Decoded, ErrorCode, ErrorObject, Extensions, Id, Incoming, LEFT, ParsedWord, ProgressWords, Request,
    Response, Word, begin_reply, finish_reply, write_result,
};
use crate::shared_state::{SharedState, debug_dropped};
use crate::transport::{Transport, TransportError};

/// The request of `birpc.v1` with which a peer checks that this side responds.
const PING: &str = "rpc.ping";

/// The parts of a connection that handle a message.
pub(super) struct Receiver<'c, T> {
    shared: &'c SharedState,
    inbound: &'c mut Inbound,
    serving: &'c mut Serving,
    outbound: &'c mut Outbound<T>,
    congested: bool,
}

/// The rest of a message's handling, which runs application code.
pub(super) enum Received<'t> {
    Done,
    Call(Unstarted<'t>),
    /// The message is not JSON-RPC, and there is a hook for such messages.
    Other(&'t str),
}

/// A text to be handled, and the batch that it belongs to.
pub(super) type Text = (Bytes, Option<usize>);

impl<'c, T: Transport> Receiver<'c, T> {
    /// `congested`: no handler may start now.
    #[inline]
    pub(super) fn new(
        shared: &'c SharedState,
        inbound: &'c mut Inbound,
        serving: &'c mut Serving,
        outbound: &'c mut Outbound<T>,
        congested: bool,
    ) -> Self {
        Self { shared, inbound, serving, outbound, congested }
    }

    /// Handles a text, except for the parts that run application code.
    #[inline]
    pub(super) fn receive<'t>(
        &mut self,
        (text, batch): &'t Text,
        step: &mut Step<'_, '_>,
    ) -> Result<Received<'t>, Ending> {
        if batch.is_some() {
            let message = self.inbound.decode_element(text);
            return self.receive_message(message, text, *batch, step);
        }
        match self.inbound.decode(text) {
            Decoded::One(message) => return self.receive_message(message, text, None, step),
            Decoded::Batch(elements) => {
                if let Some(other) = self.as_other(text, |inbound| inbound.is_other(&elements)) {
                    return Ok(Received::Other(other));
                }
                let batch = self.serving.open_batch(elements.len());
                self.inbound.keep_batch(batch, &elements, text);
            }
            Decoded::Refused(error) => self.reply_error(&Id::null(), &error, None, step)?,
            Decoded::NotJson => {
                if let Some(other) = self.as_other(text, |_| true) {
                    return Ok(Received::Other(other));
                }
                self.inbound.count_not_json()?;
                self.reply_error(&Id::null(), &ErrorObject::framework(ErrorCode::Parse), None, step)?;
            }
        }
        Ok(Received::Done)
    }

    /// Returns the text if it is not JSON-RPC and there is a hook for such messages.
    fn as_other<'t>(&self, text: &'t [u8], is_other: impl FnOnce(&Inbound) -> bool) -> Option<&'t str> {
        self.serving.others()?;
        std::str::from_utf8(text).ok().filter(|_| is_other(self.inbound))
    }

    #[inline]
    fn receive_message<'t>(
        &mut self,
        message: Incoming<'t>,
        text: &Bytes,
        batch: Option<usize>,
        step: &mut Step<'_, '_>,
    ) -> Result<Received<'t>, Ending> {
        match message {
            Incoming::Request(Request { id, method, params, extensions }) => {
                return self.serve(Some(id), &method, (params, extensions), batch, 0, step);
            }
            Incoming::Notification { method, params } if self.shared.dialect().is_cancel(&method) => {
                if let Some((due, reply)) = self.serving.cancel(params) {
                    self.outbound.deliver(due, &reply, self.serving, step)?;
                }
                self.answer_nothing(batch, step)?;
            }
            Incoming::Notification { method, params }
                if method.starts_with("rpc.")
                    && self.shared.info().speaks_birpc()
                    && !(method == LEFT && self.serving.serves(LEFT)) =>
            {
                self.receive_word(&method, params, text, step)?;
                self.answer_nothing(batch, step)?;
            }
            Incoming::Notification { method, params } if self.is_report(&method, params) => {
                self.answer_nothing(batch, step)?;
            }
            Incoming::Notification { method, params } => {
                let Some(credit) = self.take_notification(&method, params, text)? else {
                    self.answer_nothing(batch, step)?;
                    return Ok(Received::Done);
                };
                return self.serve(None, &method, (params, Extensions::default()), batch, credit, step);
            }
            Incoming::Response(response) => return Ok(self.receive_response(response, text, batch, step)?),
            Incoming::Invalid { other: Some(other), .. } if self.serving.others().is_some() => {
                self.answer_nothing(batch, step)?;
                return Ok(Received::Other(other));
            }
            Incoming::Invalid { id, why, .. } => self.refuse(&id, why, batch, step)?,
        }
        Ok(Received::Done)
    }

    /// Handles a notification that reports progress in a dialect without reserved names. Returns `false` if
    /// the notification is for the application: it belongs to no call of this side, and the application
    /// serves its method. If the application does not, the report is late, and is ignored.
    #[inline]
    fn is_report(&self, method: &str, params: Option<&str>) -> bool {
        let Some(words) = self.shared.dialect().progress() else { return false };
        method == words.method() && (self.receive_report(words, params) || !self.serving.serves(method))
    }

    /// Passes on a report of progress. Returns `false` if it belongs to no call of this side.
    #[inline(never)]
    fn receive_report(&self, words: ProgressWords, params: Option<&str>) -> bool {
        let is_ours = words.parse(params).is_some_and(|(token, value)| {
            token.as_number().is_some_and(|id| self.shared.as_progress().handle_report(id, &value))
        });
        if !is_ours {
            debug_dropped(self.shared, words.method(), &"it means no call whose progress is wanted");
        }
        is_ours
    }

    /// A notification that `birpc.v1` reserves. Those that it does not know are for a later version.
    #[inline(never)]
    fn receive_word(
        &mut self,
        method: &str,
        params: Option<&str>,
        text: &Bytes,
        step: &mut Step<'_, '_>,
    ) -> Result<(), TransportError> {
        if method == ProgressWords::Birpc.method() {
            self.receive_report(ProgressWords::Birpc, params);
            return Ok(());
        }
        let ParsedWord::Word(word) = Word::parse(method, params) else {
            debug_dropped(self.shared, method, &"it is unknown, or its params are malformed");
            return Ok(());
        };
        if let Word::Allow { total } = word {
            self.shared.as_credit().handle_allow(total);
            return Ok(());
        }
        if let Some((id, failed)) = self.shared.as_stream().handle_word(word, text)
            && let Some((due, reply)) = self.serving.fail(&id, failed)
        {
            self.outbound.deliver(due, &reply, self.serving, step)?;
        }
        Ok(())
    }

    /// Takes the credit of a notification. Returns the number of its bytes, or 0 if the peer does not speak
    /// `birpc.v1` and so has no credit. `None` if the notification belongs to a subscription of this side.
    #[inline(never)]
    fn take_notification(
        &self,
        method: &str,
        params: Option<&str>,
        text: &Bytes,
    ) -> Result<Option<usize>, Ending> {
        if !self.shared.info().speaks_birpc() {
            let subscriber = self.shared.as_subscriber();
            let is_ours = subscriber.has_any() && subscriber.handle_notification(method, params);
            return Ok((!is_ours).then_some(0));
        }
        if method == LEFT {
            return Ok(Some(0));
        }
        let excess = |_| Ending::violation(CloseCode::POLICY, "a notification without credit (rpc.allow)");
        self.shared.as_credit().arrive(text.len()).map_err(excess)?;
        Ok(Some(text.len()))
    }

    /// Handles a request, with its `extensions`, or a notification. `credit`: the bytes of credit that it
    /// holds.
    #[inline]
    fn serve<'t>(
        &mut self,
        id: Option<Id>,
        method: &str,
        (params, extensions): (Option<&'t str>, Extensions<'_>),
        batch: Option<usize>,
        credit: usize,
        step: &mut Step<'_, '_>,
    ) -> Result<Received<'t>, Ending> {
        let is_request = id.is_some();
        match self.serving.arrivals().admit(id, batch, method, (params, extensions), (credit, self.congested))
        {
            Admitted::Run(unstarted) => return Ok(Received::Call(unstarted)),
            Admitted::Parked => {}
            Admitted::NoRoom(error) => return Err(self.no_room(method, &error)),
            Admitted::Refused(Some(id), error) if self.is_ping(method, params, &error) => {
                self.answer_ping(&id, batch, step)?;
            }
            Admitted::Refused(id, error) => {
                if credit > 0 {
                    self.shared.as_credit().give_back(credit);
                }
                self.serving.arrivals().note_refused(id.as_ref(), method, &error);
                if let Some(id) = id {
                    self.reply_error(&id, &error, batch, step)?;
                }
            }
        }
        if !is_request {
            self.answer_nothing(batch, step)?;
        }
        Ok(Received::Done)
    }

    /// Whether a refused request is `rpc.ping`. Only refused requests are checked, so that others do not pay
    /// for it.
    fn is_ping(&self, method: &str, params: Option<&str>, error: &ErrorObject) -> bool {
        let is_unserved =
            matches!(error.framework_code(), Some(ErrorCode::MethodNotFound | ErrorCode::ShuttingDown));
        method == PING && params.is_none() && is_unserved && self.shared.info().speaks_birpc()
    }

    /// Answers an `rpc.ping` with null.
    fn answer_ping(
        &mut self,
        id: &Id,
        batch: Option<usize>,
        step: &mut Step<'_, '_>,
    ) -> Result<(), TransportError> {
        let mut reply = Vec::new();
        begin_reply(Some(id), &mut reply);
        write_result(&(), &mut reply);
        finish_reply(Some(id), &mut reply);
        self.outbound.count_unsolicited(reply.len());
        self.outbound.answer(batch, &reply, self.serving, step)
    }

    /// A notification that must not be missed is past a limit.
    #[cold]
    fn no_room(&self, method: &str, error: &ErrorObject) -> Ending {
        let (connection, remote_addr) = (self.shared.id(), self.shared.info().remote_addr_field());
        tracing::warn!(
            connection,
            remote_addr,
            method,
            %error,
            "a connection closes, since a notification is past a limit (overflow)"
        );
        let why = "a notification is past a limit, and must not be missed (overflow)";
        Ending::violation(CloseCode::TRY_AGAIN_LATER, why)
    }

    /// Handles a response. It is never answered, or two peers could answer each other without end.
    fn receive_response<'t>(
        &mut self,
        response: Response<'t>,
        text: &Bytes,
        batch: Option<usize>,
        step: &mut Step<'_, '_>,
    ) -> Result<Received<'t>, TransportError> {
        let mut received = Received::Done;
        match self.inbound.complete(response, text, batch.is_none()) {
            Matched::Completed => self.outbound.note_answered_caller(),
            Matched::Bare(_, other) if self.serving.others().is_some() => received = Received::Other(other),
            Matched::Bare(id, _) => {
                // No call of ours has its id, so it was meant as a request.
                self.refuse(&id, "`method` is missing", batch, step)?;
                return Ok(Received::Done);
            }
            Matched::Refused | Matched::Unknown => {}
        }
        self.answer_nothing(batch, step)?;
        Ok(received)
    }

    /// Records that a message gets no reply, of its own or in its batch.
    fn answer_nothing(
        &mut self,
        batch: Option<usize>,
        step: &mut Step<'_, '_>,
    ) -> Result<(), TransportError> {
        match batch {
            None => Ok(()),
            Some(_) => self.outbound.answer(batch, &[], self.serving, step),
        }
    }

    fn refuse(
        &mut self,
        id: &Id,
        why: &str,
        batch: Option<usize>,
        step: &mut Step<'_, '_>,
    ) -> Result<(), TransportError> {
        let error = ErrorObject::framework_with(ErrorCode::InvalidRequest, "detail", why);
        self.reply_error(id, &error, batch, step)
    }

    /// Answers a message that never became a call with an error.
    fn reply_error(
        &mut self,
        id: &Id,
        error: &ErrorObject,
        batch: Option<usize>,
        step: &mut Step<'_, '_>,
    ) -> Result<(), TransportError> {
        let (reply, has_null) = self.serving.error_reply(id, error, batch);
        self.outbound.count_unsolicited(reply.len());
        self.outbound.answer(batch, &reply, self.serving, step)?;
        if has_null {
            // Recorded after the reply, since calls that were queued before have already been taken from the
            // queue.
            self.shared.as_driver().note_provocation();
        }
        Ok(())
    }
}
