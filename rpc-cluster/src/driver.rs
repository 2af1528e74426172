//! The task of a node. It owns the state, passes it what the groups, the engine and the clock bring, and does
//! what the state decides. It never waits for a peer: what is for peers is put into their queues.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use birpc_core::__private::crates::cluster::{LocalPeers, peer_id};
use birpc_core::{CloseCode, CloseFrame};
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::asks::Item;
use crate::backplane::{BackplaneError, BackplaneEvent};
use crate::convert::{entry, ids};
use crate::engine::{Engine, Progress};
use crate::inbox::{Control, Inbox, Queued};
use crate::jobs::Jobs;
use crate::meters::Meters;
use crate::nodes::NodeInfo;
use crate::outcomes::unread;
use crate::roster::Roster;
use crate::shutdown::Shutdown;
use crate::state::{Output, State, Ticket};
use crate::topic::Topic;
use crate::waiter::Waiter;

/// How many steps the task takes before it lets others run.
const BUDGET: usize = 128;

/// What a driver is made with.
pub(crate) struct Parts {
    pub(crate) state: State,
    pub(crate) engine: Engine,
    pub(crate) peers: LocalPeers,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) max_message: Arc<AtomicUsize>,
    pub(crate) own: NodeInfo,
    /// The time of the state is the time since then.
    pub(crate) epoch: Instant,
    pub(crate) started: oneshot::Sender<Result<(), BackplaneError>>,
}

pub(crate) struct Driver {
    state: State,
    engine: Engine,
    peers: LocalPeers,
    jobs: Jobs,
    inbox: Arc<Inbox>,
    roster: Arc<Roster>,
    max_message: Arc<AtomicUsize>,
    own: NodeInfo,
    epoch: Instant,
    timer: Pin<Box<Sleep>>,
    waiters: HashMap<Ticket, Waiter>,
    started: Option<oneshot::Sender<Result<(), BackplaneError>>>,
    shutdown: Option<Shutdown>,
    meters: Meters,
    /// The outcome instead of one for which an asker has no room.
    unread: Bytes,
    known_changes: Option<u64>,
}

impl Driver {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { state, engine, peers, inbox, roster, max_message, own, epoch, started } = parts;
        Self {
            timer: Box::pin(sleep_until(epoch)),
            jobs: Jobs::new(peers.clone()),
            state,
            engine,
            peers,
            inbox,
            roster,
            max_message,
            own,
            epoch,
            waiters: HashMap::new(),
            started: Some(started),
            shutdown: None,
            meters: Meters::default(),
            unread: unread(),
            known_changes: None,
        }
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Takes one input. `false` if there is none.
    fn step(&mut self, cx: &mut Context<'_>) -> bool {
        let mut has_input = false;
        if let Some(queued) = self.inbox.take(cx.waker()) {
            self.handle_queued(queued);
            has_input = true;
        }
        if let Poll::Ready(progress) = self.engine.poll(cx) {
            self.handle_progress(progress);
            has_input = true;
        }
        // Outcomes that nobody can be told of wait at their peers' connections.
        if self.state.is_calm()
            && let Poll::Ready(((node, call), served)) = self.jobs.poll(cx)
        {
            self.state.handle_served(node, call, served, self.now());
            has_input = true;
        }
        let now = self.now();
        if now >= self.state.next_time() {
            self.state.set_load(self.peers.connections());
            self.state.handle_time(now);
            self.known_changes = None;
            has_input = true;
        }
        has_input
    }

    fn handle_queued(&mut self, queued: Queued) {
        let now = self.now();
        for (target, is_wanted) in &queued.wanted {
            self.state.want(target, *is_wanted);
        }
        for (key, meta) in queued.presence {
            self.state.change_presence(key, meta, now);
        }
        for (ticket, command, waiter) in queued.commands {
            self.waiters.insert(ticket, waiter);
            self.state.handle_command(ticket, command, now);
        }
        for ticket in queued.forgotten {
            let target = match self.waiters.remove(&ticket) {
                Some(Waiter::Waited(target, _)) => Some(target),
                Some(_) => None,
                // It has ended meanwhile.
                None => continue,
            };
            self.state.forget(ticket, target.as_ref());
        }
        for control in queued.controls {
            self.state.leave(now);
            if let Control::ShutDown(until, done) = control {
                self.shutdown.get_or_insert_with(|| Shutdown::new(until)).join(until, done);
            }
        }
    }

    fn handle_progress(&mut self, progress: Progress) {
        let now = self.now();
        match progress {
            Progress::Event(event) => {
                if event == BackplaneEvent::Restored {
                    let max_message = self.engine.max_message();
                    self.max_message.store(max_message, Ordering::Relaxed);
                    self.state.set_max_message(max_message);
                }
                if event == BackplaneEvent::Lost {
                    self.fail_start(&BackplaneError::Unreachable);
                }
                self.state.handle_event(event, now);
            }
            Progress::Published(taken) => self.state.handle_published(taken, now),
            Progress::Changed(change, result) => {
                let is_base = matches!(change.topic, Topic::All | Topic::Node(_));
                if let (true, Err(error)) = (is_base, &result) {
                    self.fail_start(error);
                }
                self.state.handle_changed(&change, result);
            }
        }
    }

    /// The node does not start, if it has not.
    fn fail_start(&mut self, error: &BackplaneError) {
        if let Some(started) = self.started.take() {
            let _ = started.send(Err(error.clone())); // nobody waits any more
        }
    }

    /// Does what the state has decided. Returns whether the engine or the jobs have something new, which
    /// they do not begin before they are polled.
    fn act(&mut self) -> bool {
        let mut has_begun = false;
        loop {
            self.state.settle(self.now());
            let mut has_acted = false;
            while let Some(output) = self.state.poll_output() {
                self.handle_output(output);
                has_acted = true;
            }
            while let Some(change) = self.state.poll_change() {
                self.engine.change(change);
                has_begun = true;
            }
            if let Some(publishing) = self.state.poll_publish(self.now()) {
                self.engine.publish(publishing);
                has_begun = true;
            }
            has_begun |= has_acted;
            if !has_acted {
                break;
            }
        }
        if let Some((changes, nodes)) = self.state.nodes(self.known_changes) {
            self.known_changes = Some(changes);
            self.own.load = u32::try_from(self.peers.connections()).unwrap_or(u32::MAX);
            self.meters.report(self.state.counters(), self.state.sizes(), nodes.len() + 1);
            self.roster.set(&self.own, nodes);
        }
        has_begun
    }

    fn handle_output(&mut self, output: Output) {
        let now = self.now();
        match output {
            Output::Deliver { target, except, text } => {
                self.peers.deliver(&target, &ids(&except), &text);
            }
            Output::Notify { peer, text } => drop(self.peers.notify(peer_id(peer), &text)),
            Output::Close { target, except, code, reason } => {
                let code = CloseCode::try_from(code).unwrap_or(CloseCode::NORMAL);
                self.peers.close(&target, &ids(&except), &CloseFrame::cut(code, &reason));
            }
            Output::Serve { node, call, peer, request } => {
                let served = self.jobs.call(node, call, peer, &request);
                self.state.handle_served(node, call, served, now);
            }
            Output::ServeAsk { node, call, target, except, request } => {
                let served = self.jobs.ask(node, call, (&target, &ids(&except)), &request);
                self.state.handle_served(node, call, served, now);
            }
            Output::Stop { node, call } => self.jobs.stop(node, call),
            Output::Count { node, call, target } => {
                self.state.handle_counted(node, call, self.peers.count(&target), now);
            }
            Output::Presence(node, changes) => {
                let changes = changes.into_iter().filter_map(|(key, meta)| entry(key, meta)).collect();
                self.peers.apply_presence(node.0, changes);
            }
            Output::NodeGone(node) => self.peers.node_gone(node.0),
            Output::Gap(group) => self.peers.tell_gap(group.as_deref()),
            Output::Started => {
                if let Some(started) = self.started.take() {
                    let _ = started.send(Ok(()));
                }
            }
            output => self.tell(output),
        }
    }

    /// Tells somebody who waits.
    fn tell(&mut self, output: Output) {
        // An error of a sender means that nobody waits any more.
        let (ticket, is_last) = match &output {
            Output::Asked(ticket, item) => (*ticket, *item == Item::Over),
            Output::Published(ticket, _)
            | Output::CallEnded(ticket, _)
            | Output::Counted(ticket, _)
            | Output::Waited(ticket, _) => (*ticket, true),
            _ => return,
        };
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.handle_published(ticket);
        }
        if !is_last {
            if let (Output::Asked(_, item), Some(Waiter::Asked(sender))) = (output, self.waiters.get(&ticket))
            {
                sender.send(item, &self.unread);
            }
            return;
        }
        match (self.waiters.remove(&ticket), output) {
            (Some(Waiter::Published(sender)), Output::Published(_, taken)) => drop(sender.send(taken)),
            (Some(Waiter::Called(sender)), Output::CallEnded(_, end)) => drop(sender.send(end)),
            (Some(Waiter::Counted(sender)), Output::Counted(_, count)) => drop(sender.send(count)),
            (Some(Waiter::Waited(_, sender)), Output::Waited(_, waited)) => drop(sender.send(waited)),
            (Some(Waiter::Asked(sender)), Output::Asked(_, item)) => sender.send(item, &self.unread),
            _ => {}
        }
    }

    /// The groups are those of this server alone from now on.
    fn end(&mut self) {
        self.inbox.close();
        self.peers.detach();
        self.roster.set(&self.own, Vec::new());
        if let Some(shutdown) = self.shutdown.take() {
            shutdown.end();
        }
    }

    /// Begins to end this node, if it is time. Returns whether it has.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> bool {
        let now = self.now();
        let Some(shutdown) = &mut self.shutdown else { return false };
        if shutdown.poll_bye(self.state.is_idle(), cx) {
            let ticket = self.inbox.ticket();
            shutdown.say_bye(ticket);
            // It is published within a second, or not at all.
            self.state.say_bye(ticket, now);
            return true;
        }
        false
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        for _ in 0..BUDGET {
            let mut is_busy = this.step(cx);
            is_busy |= this.poll_shutdown(cx);
            is_busy |= this.act();
            if this.shutdown.as_ref().is_some_and(Shutdown::is_over) {
                this.end();
                return Poll::Ready(());
            }
            if !is_busy {
                let next = this.epoch + this.state.next_time();
                this.timer.as_mut().reset(next);
                if this.timer.poll_unpin(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.end();
    }
}
