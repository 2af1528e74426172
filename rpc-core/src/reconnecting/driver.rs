//! The interface between a reconnecting client's state and the loop that renews its connection.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::names::Names;
use super::wait_list::WaitList;
use super::{Phase, Reconnecting, State, WhileDown};
use crate::close::CloseReason;
use crate::config::Config;
use crate::handshake::ConnectionInfo;
use crate::shared_state::{SharedLimits, SharedState, Values};

/// Renews the connection of a client. Dropping it ends the client.
pub struct ReconnectDriver(pub(crate) Arc<Reconnecting>);

impl ReconnectDriver {
    /// Creates the state of a client that has no connection yet. `info` has the facts that all its
    /// connections share.
    #[must_use]
    pub fn new(config: Arc<Config>, info: ConnectionInfo, while_down: WhileDown) -> Self {
        let none = Arc::new(SharedState::new(config.clone(), info.clone(), SharedLimits::default()));
        none.as_driver().begin_end(CloseReason::lost("there is no connection yet"));
        let waiters = match while_down {
            WhileDown::Wait { at_most } => at_most,
            WhileDown::Fail => 0,
        };
        let state = State {
            phase: Phase::Down,
            current: none.clone(),
            ups: 0,
            lost: None,
            close: None,
            waiters: WaitList::new(waiters),
        };
        let on_change = Notify::new();
        Self(Arc::new(Reconnecting {
            id: none.id(),
            config,
            info,
            values: Values::default(),
            subprotocols: Names::default(),
            lets_wait: waiters > 0,
            kept: AtomicUsize::new(0),
            state: Mutex::new(state),
            on_change,
        }))
    }

    /// Creates the shared state of the next connection, which is not up yet.
    pub(crate) fn next_connection(&self, info: ConnectionInfo) -> Arc<SharedState> {
        if let Some(name) = &info.subprotocol {
            self.0.subprotocols.add(name);
        }
        let Reconnecting { id, config, values, .. } = &*self.0;
        let shared = Arc::new(SharedState::of_reconnecting(*id, values.lend(), config.clone(), info));
        let mut state = self.0.state();
        let last = std::mem::replace(&mut state.current, shared.clone());
        let close = state.close.clone();
        drop(state);
        drop(last);
        if let Some(frame) = close {
            shared.as_caller().close(frame);
        }
        shared
    }

    /// Marks the connection that was created last as up: waiting and new calls use it.
    pub fn up(&self) {
        self.change(|state| {
            state.phase = Phase::Up;
            state.ups += 1;
        });
    }

    /// Reports that the connection has ended and another one is to follow.
    pub fn down(&self, reason: CloseReason) {
        self.change(|state| {
            state.phase = Phase::Down;
            state.lost = Some(reason);
        });
    }

    /// Ends the client: no connection follows. Only the first call has an effect.
    pub fn end(&self, reason: CloseReason) {
        self.change(|state| {
            if !matches!(state.phase, Phase::Ended(_)) {
                state.phase = Phase::Ended(reason);
            }
        });
        self.0.values.clear();
    }

    /// The reason of a client that ends without a connection.
    #[must_use]
    pub fn lost(why: impl Into<String>) -> CloseReason {
        CloseReason::lost(why)
    }

    /// Waits until a handle asks for a close, and returns the reason of that close.
    pub async fn closing(&self) -> CloseReason {
        self.0.until(|reconnecting| reconnecting.state().close.as_ref().map(CloseReason::local)).await
    }

    /// Whether a handle has asked for the close.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.0.state().close.is_some()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.state();
        change(&mut state);
        let wakers = state.waiters.take_wakers();
        drop(state);
        self.0.changed(wakers);
    }
}

impl Drop for ReconnectDriver {
    /// A runtime that shuts down drops the loop. Everything that waits for a connection then ends.
    fn drop(&mut self) {
        self.end(CloseReason::lost("the task that reconnects was dropped"));
    }
}
