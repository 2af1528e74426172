//! Servers whose groups are connected within the process, in place of an engine and the nodes at it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use birpc::__private::crates::cluster::{
    AlreadyAttached, LocalPeers, Message, OtherServers, PresenceKey, RemoteRequest, Target, global_id,
    global_id_parts, peer_id, read_outcome, write_outcome,
};
use birpc::{
    CallError, CloseReason, GlobalId, GroupError, Groups, Initiator, Meta, RawValue, Remote, Router, Server,
    ServerBuilder,
};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use tokio::sync::watch;

use super::house::House;

/// What becomes of what is passed to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Works,
    /// Nothing is confirmed until this changes.
    Waits,
    /// It refuses subscriptions.
    Refuses,
    /// It cannot be reached.
    Away,
}

/// All servers.
#[derive(Clone, Default)]
pub struct Servers(Arc<Mutex<BTreeMap<u128, Arc<Link>>>>);

/// A server, as the others reach it.
pub struct Link {
    servers: Servers,
    local: LocalPeers,
    engine: watch::Sender<Engine>,
    max_text: AtomicUsize,
    /// Whether it does not say who its members are.
    pub is_silent: AtomicBool,
    /// What it wants, and the changes of that.
    wanted: Mutex<(BTreeSet<Target>, Vec<String>)>,
    /// The changes of its presence that the others have not been told of.
    presence: Mutex<Vec<(PresenceKey, Option<Meta>)>>,
}

/// As the groups of a server hold it.
struct Held(Arc<Link>);

/// Two servers that are connected.
pub struct Pair {
    pub servers: Servers,
    pub near: House,
    pub far: House,
    /// Those of the near server and of the far one.
    pub links: [Arc<Link>; 2],
}

impl Pair {
    pub fn new() -> Self {
        Self::of(Server::builder())
    }

    /// The same with settings for the near server.
    pub fn of(near: ServerBuilder) -> Self {
        let (servers, near, far) = (Servers::default(), House::serving(near, Router::new()), House::new());
        let links = [servers.connect(&near.groups()), servers.connect(&far.groups())];
        Self { servers, near, far, links }
    }
}

type Outcome = Result<Box<RawValue>, CallError>;

impl Servers {
    /// Connects a server.
    pub fn connect(&self, groups: &Groups) -> Arc<Link> {
        self.try_connect(groups).expect("it is alone")
    }

    /// The same for a server that may be connected already.
    pub fn try_connect(&self, groups: &Groups) -> Result<Arc<Link>, AlreadyAttached> {
        let mut made = None;
        LocalPeers::attach(groups, |local| {
            let link = Arc::new(Link {
                servers: self.clone(),
                local,
                engine: watch::Sender::new(Engine::Works),
                max_text: AtomicUsize::new(1 << 20),
                is_silent: AtomicBool::new(false),
                wanted: Mutex::default(),
                presence: Mutex::default(),
            });
            made = Some(link.clone());
            Arc::new(Held(link))
        })?;
        let link = made.expect("it was called");
        self.lock().insert(link.local.node(), link.clone());
        Ok(link)
    }

    /// Passes on all changes of presence.
    pub fn pass_on_presence(&self) {
        for link in self.all() {
            let changes = std::mem::take(&mut *link.presence.lock().expect("no panic"));
            for other in link.others() {
                other.local.apply_presence(link.local.node(), changes.clone());
            }
        }
    }

    fn all(&self) -> Vec<Arc<Link>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u128, Arc<Link>>> {
        self.0.lock().expect("no panic")
    }
}

impl Link {
    pub fn local(&self) -> &LocalPeers {
        &self.local
    }

    pub fn set_engine(&self, engine: Engine) {
        self.engine.send_replace(engine);
    }

    pub fn set_max_text(&self, bytes: usize) {
        self.max_text.store(bytes, Ordering::Relaxed);
    }

    /// The changes of what the server wants, since the last call: `+tea` for a group, `+@ada` for a user.
    pub fn wants(&self) -> Vec<String> {
        let mut wanted = self.wanted.lock().expect("no panic");
        assert_eq!(wanted.0, self.local.targets().into_iter().collect());
        std::mem::take(&mut wanted.1)
    }

    /// The connection with the other servers ends.
    pub fn disconnect(&self) {
        self.servers.lock().remove(&self.local.node());
        self.local.detach();
        self.others().iter().for_each(|other| other.local.node_gone(self.local.node()));
    }

    fn others(&self) -> Vec<Arc<Link>> {
        self.servers.all().into_iter().filter(|link| link.local.node() != self.local.node()).collect()
    }

    /// The engine, once it does not make anybody wait.
    fn settled(&self) -> BoxFuture<'static, Engine> {
        let mut engine = self.engine.subscribe();
        Box::pin(async move {
            engine.wait_for(|engine| *engine != Engine::Waits).await.map_or(Engine::Away, |engine| *engine)
        })
    }

    fn published(&self) -> BoxFuture<'static, Remote> {
        let settled = self.settled();
        Box::pin(async move {
            if settled.await == Engine::Away { Remote::Unreachable } else { Remote::Published }
        })
    }
}

fn unsent() -> CallError {
    let reason = CloseReason::new(1006, "there is no such peer", Initiator::Network);
    CallError::Disconnected { reason, sent: false }
}

/// As it arrives at another server.
fn received(request: &RemoteRequest) -> RemoteRequest {
    RemoteRequest::received(request.text(), request.timeout(), request.is_sensitive()).expect("a request")
}

/// As it arrives at the server of the caller.
fn replied(outcome: Outcome) -> Outcome {
    read_outcome(&write_outcome(outcome)).expect("an outcome")
}

impl OtherServers for Held {
    fn set_wanted(&self, target: &Target, wanted: bool) {
        let mut state = self.0.wanted.lock().expect("no panic");
        let changed = if wanted { state.0.insert(target.clone()) } else { state.0.remove(target) };
        assert!(changed, "{target:?} was {wanted} before");
        let sign = if wanted { '+' } else { '-' };
        state.1.push(match target {
            Target::Group(name) => format!("{sign}{name}"),
            Target::User(name) => format!("{sign}@{name}"),
            Target::All => unreachable!("all are always wanted"),
        });
    }

    fn proved(&self, target: &Target) -> BoxFuture<'static, Result<Remote, GroupError>> {
        assert!(self.0.wanted.lock().expect("no panic").0.contains(target), "{target:?} is not wanted");
        let settled = self.0.settled();
        Box::pin(async move {
            match settled.await {
                Engine::Refuses => Err(GroupError::Refused("no permission".into())),
                Engine::Away => Ok(Remote::Unreachable),
                Engine::Works | Engine::Waits => Ok(Remote::Published),
            }
        })
    }

    fn max_text(&self) -> usize {
        self.0.max_text.load(Ordering::Relaxed)
    }

    fn publish(
        &self,
        target: &Target,
        except: &BTreeSet<GlobalId>,
        message: Message,
    ) -> BoxFuture<'static, Remote> {
        if *self.0.engine.borrow() == Engine::Away {
            return Box::pin(ready(Remote::Unreachable));
        }
        for other in self.0.others() {
            let is_wanted =
                *target == Target::All || other.wanted.lock().expect("no panic").0.contains(target);
            match &message {
                _ if !is_wanted => {}
                Message::Notification(text) => {
                    other.local.deliver(target, except, text).expect("a notification");
                }
                Message::Close(frame) => {
                    other.local.close(target, except, frame);
                }
            }
        }
        self.0.published()
    }

    fn call(&self, peer: GlobalId, request: RemoteRequest) -> BoxFuture<'static, Outcome> {
        let (node, number) = global_id_parts(peer);
        let server = self.0.servers.lock().get(&node).cloned();
        let call = server.and_then(|server| server.local.call(peer_id(number), received(&request)));
        match call {
            Some(call) => Box::pin(async move { replied(call.await) }),
            None => Box::pin(ready(Err(unsent()))),
        }
    }

    fn notify(&self, peer: GlobalId, text: Bytes) -> BoxFuture<'static, Result<(), CallError>> {
        let (node, number) = global_id_parts(peer);
        let server = self.0.servers.lock().get(&node).cloned();
        let is_sent = server.is_some_and(|server| server.local.notify(peer_id(number), &text));
        Box::pin(ready(if is_sent { Ok(()) } else { Err(unsent()) }))
    }

    fn ask(
        &self,
        target: &Target,
        except: &BTreeSet<GlobalId>,
        request: RemoteRequest,
    ) -> BoxStream<'static, (GlobalId, Outcome)> {
        let mut all = Vec::new();
        for other in self.0.others() {
            let node = other.local.node();
            if other.is_silent.load(Ordering::Relaxed) {
                let reason = CloseReason::new(1006, "the server is silent", Initiator::Network);
                let lost = (global_id(node, 0), Err(CallError::Disconnected { reason, sent: true }));
                all.push(stream::once(ready(lost)).boxed());
                continue;
            }
            let asked = other.local.ask(other.local.members(target, except), received(&request));
            let named = asked.map(move |(id, outcome)| (global_id(node, id.get()), replied(outcome)));
            all.push(named.boxed());
        }
        stream::select_all(all).boxed()
    }

    fn count(&self, target: &Target) -> BoxFuture<'static, usize> {
        Box::pin(ready(self.0.others().iter().map(|other| other.local.count(target)).sum()))
    }

    fn presence_changed(&self, entry: &PresenceKey, meta: Option<&Meta>) {
        self.0.presence.lock().expect("no panic").push((entry.clone(), meta.cloned()));
    }
}
