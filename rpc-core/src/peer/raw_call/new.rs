//! The constructors of calls, which have not been polled yet.

use super::RawCall;
use crate::message::{Json, RequestText};
use crate::peer::Peer;
use crate::peer::call_handle::LazyHandle;
use crate::peer::call_progress::CallProgress;
use crate::peer::call_state::CallState;
use crate::peer::call_streaming::CallStreaming;
use crate::peer::deadline::Deadline;
use crate::peer::layer::{Layered, OutgoingCall};
use crate::streaming::Sources;

impl RawCall {
    pub(in crate::peer) fn new(peer: Peer, method: &str, params: &dyn Json) -> Self {
        let state = match &peer.layer {
            None => CallState::New(RequestText::encode(method, params)),
            Some(layer) => CallState::Layered(Box::new(Layered::new(layer.clone(), &peer, method, params))),
        };
        Self::in_state(peer, state)
    }

    /// The same for a call with streams, or whose caller listens to its progress. A call with streams
    /// bypasses the layers, since these pass on texts.
    #[cold]
    pub(in crate::peer) fn with_extras(
        peer: Peer,
        method: &str,
        params: &dyn Json,
        is_result: bool,
        mut sources: Sources,
    ) -> Self {
        let listener = sources.take_listener();
        let mut call = if is_result || !sources.is_empty() {
            let streams = CallStreaming::new(is_result, sources);
            let state = CallState::New(RequestText::encode(method, params));
            let mut call = Self::in_state(Peer { layer: None, ..peer }, state);
            call.extras.get_or_insert_default().streams = Some(streams);
            call
        } else {
            Self::new(peer, method, params)
        };
        if let Some(listener) = listener {
            call.ask_progress(|progress| progress.set_listener(listener));
        }
        call
    }

    /// A call that subscribes again. `streams` and `handle` are those of the call before it.
    pub(in crate::peer) fn again(
        peer: Peer,
        request: RequestText,
        streams: CallStreaming,
        handle: LazyHandle,
    ) -> Self {
        let mut call =
            Self::in_state(Peer { layer: None, ..peer }, CallState::New(Ok(request.without_asking())));
        call.extras.get_or_insert_default().streams = Some(streams);
        (call.idempotent, call.handle) = (true, handle);
        call
    }

    /// Asks for reports of progress, with the settings of `set`. Has no effect after the first poll.
    #[cold]
    pub(in crate::peer) fn ask_progress(&mut self, set: impl FnOnce(&mut CallProgress)) {
        let progress = self.extras.get_or_insert_default().progress.get_or_insert_default();
        set(progress);
        match &mut self.state {
            CallState::New(Ok(frame)) => frame.ask_progress(),
            CallState::Layered(layered) => layered.set_progress(progress.clone()),
            _ => {}
        }
    }

    /// A call that a layer passes on to the layer behind it, or sends as a request.
    pub(in crate::peer) fn of_layer(call: OutgoingCall) -> Self {
        let (peer, idempotent, progress) = (call.peer().clone(), call.is_idempotent(), call.progress());
        let sensitive = call.is_sensitive();
        let state = match Layered::behind(call) {
            Ok(layered) => CallState::Layered(Box::new(layered)),
            Err(call) => CallState::New(call.encode()),
        };
        let mut sent = Self::in_state(Peer { layer: None, ..peer }, state);
        (sent.idempotent, sent.sensitive) = (idempotent, sensitive);
        if let Some(progress) = progress {
            sent.ask_progress(|asked| *asked = progress);
        }
        sent
    }

    /// A call whose request is encoded. It bypasses the layers.
    pub(in crate::peer) fn of_request(peer: Peer, request: RequestText, sensitive: bool) -> Self {
        let mut call = Self::in_state(Peer { layer: None, ..peer }, CallState::New(Ok(request)));
        call.sensitive = sensitive;
        call
    }

    /// Creates a call that has not been polled.
    fn in_state(peer: Peer, state: CallState) -> Self {
        Self {
            peer,
            state,
            idempotent: false,
            sensitive: false,
            extras: None,
            attempts: None,
            deadline: Deadline::default(),
            wait: None,
            nested: None,
            handle: LazyHandle::default(),
        }
    }
}
