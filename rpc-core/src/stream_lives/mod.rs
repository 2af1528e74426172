//! Runs ten thousand calls with streams on real connections over the transport in memory. Connections are
//! killed, stopped and drained, handlers and producers panic, and calls are cancelled and dropped, at each
//! stage and from both sides.
//!
//! A seed decides everything. The clock is paused and there is one thread, so a sleep returns when no task
//! can continue. A lost wake-up or a lost message therefore shows as a call that is still open then.

mod calls;
mod ends;
mod oracle;
mod plan;
mod random;
mod record;

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{sleep, timeout};

use self::plan::{Event, Kind, Plan};
use self::record::{Stage, World};
use crate::close::CloseReason;
use crate::config::Config;
use crate::connection::Connection;
use crate::handshake::ConnectionInfo;
use crate::multiplexer::Breakage;
use crate::peer::Peer;
use crate::transport::memory_pair;

pub(crate) use random::Random;

/// The number of calls, unless `BIRPC_LIVES` has another one. `BIRPC_SEED` has the first seed.
const LIVES: usize = 10_000;

/// Longer than everything takes that does not wait for the peer or for a longer timer.
const REST: Duration = Duration::from_millis(20);

/// The deadline of a shutdown.
const DEADLINE: Duration = Duration::from_millis(5);

/// A connection of two peers, both of which serve and call.
struct Scene {
    world: Arc<World>,
    peers: [Peer; 2],
    connections: [JoinHandle<CloseReason>; 2],
    calls: Vec<JoinHandle<()>>,
}

impl Scene {
    fn new(plan: Plan) -> Self {
        let world = Arc::new(World::new(plan));
        let config = Arc::new(Config { limits: world.plan.limits.clone(), ..Config::default() });
        let (near, far) = memory_pair();
        let ends = [near, far].map(|transport| {
            let info = ConnectionInfo::default().with_subprotocol("birpc.v1");
            let (peer, connection) = Connection::new(transport, config.clone(), info);
            (peer, tokio::spawn(connection.serve(calls::router(&world))))
        });
        let [(near, near_end), (far, far_end)] = ends;
        let peers = [near, far];
        let calls = world.plan.calls.iter().enumerate();
        let calls = calls.map(|(index, call)| {
            let peer = peers[call.caller].clone();
            tokio::spawn(calls::run(world.clone(), index, peer))
        });
        Self { calls: calls.collect(), peers, connections: [near_end, far_end], world }
    }
}

/// Does to the connection what is planned. Returns the stage of each call at that time.
async fn disturb(world: Arc<World>, peer: Peer, connection: AbortHandle) -> Vec<Stage> {
    let plan = &world.plan;
    ends::pause(plan.after).await;
    let stages = (0..plan.calls.len()).map(|index| world.record(index).stage).collect();
    match plan.event {
        Event::Nothing => {}
        Event::Kill => connection.abort(),
        Event::Stop => peer.close(1001, "stopped").expect("it may be sent"),
        Event::Drain => drop(tokio::spawn(async move { peer.drain().await })),
        Event::Shutdown => {
            let _ = timeout(DEADLINE, peer.drain()).await;
            peer.close(1001, "shut down").expect("it may be sent");
        }
    }
    stages
}

/// The stage of a call when something happened to its connection. The flag says whether it happened at the
/// side of the caller.
type Met = (Event, bool, Kind, Stage);

/// Runs a connection from its beginning to its end. Returns the number of its calls.
fn run(seed: u64, met: &mut BTreeMap<Met, usize>) -> usize {
    let plan = Plan::new(seed);
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("it needs no resources");
    let (lives, side) = (plan.calls.len(), plan.side);
    runtime.block_on(async {
        let scene = Scene::new(plan);
        let (peer, connection) = (&scene.peers[side], &scene.connections[side]);
        let disturbed = disturb(scene.world.clone(), peer.clone(), connection.abort_handle());
        let stages = tokio::spawn(disturbed).await.expect("no panic");
        for (call, stage) in scene.world.plan.calls.iter().zip(stages) {
            let is_caller = call.caller == scene.world.plan.side;
            *met.entry((scene.world.plan.event, is_caller, call.kind, stage)).or_default() += 1;
        }
        scene.end().await;
    });
    assert_eq!(runtime.metrics().num_alive_tasks(), 0, "tasks outlive their connection");
    lives
}

impl Scene {
    /// Waits until no task can continue, checks the calls, and ends those that may stay open for ever.
    async fn end(mut self) {
        sleep(REST).await;
        oracle::check_open(&self.world);
        for (index, call) in self.calls.iter().enumerate() {
            if !call.is_finished() {
                self.world.record(index).is_given_up = true;
                call.abort();
            }
        }
        sleep(REST).await;
        self.check_rest();
        for index in 0..self.world.plan.calls.len() {
            oracle::check_life(&self.world, index);
        }
        for call in self.calls.drain(..) {
            match call.await {
                Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
                _ => {}
            }
        }
        self.peers[0].close(1000, "done").expect("it may be sent");
        sleep(REST).await;
    }

    /// Nothing is left, at either side.
    fn check_rest(&self) {
        for (index, peer) in self.peers.iter().enumerate() {
            let shared = peer.current();
            assert_eq!(shared.as_stream().left(), None, "side {index} of {:?}", self.world);
            assert_eq!((peer.in_flight(), peer.serving()), (0, 0), "calls are left at side {index}");
        }
        let connections = self.connections.iter().filter(|connection| !connection.is_finished()).count();
        assert_eq!(Handle::current().metrics().num_alive_tasks(), connections, "tasks are left");
        assert_eq!(self.world.listeners(), 0, "channels are listened to");
    }
}

fn seeds() -> (u64, usize) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    (number("BIRPC_SEED").unwrap_or(0), number("BIRPC_LIVES").map_or(LIVES, |lives| lives as usize))
}

#[test]
fn ten_thousand_lives_end_as_they_must_and_leave_nothing() {
    let (mut seed, least) = seeds();
    let (mut lives, mut met) = (0, BTreeMap::new());
    while lives < least {
        let ran = catch_unwind(std::panic::AssertUnwindSafe(|| run(seed, &mut met)));
        lives += ran.unwrap_or_else(|_| panic!("BIRPC_SEED={seed} fails, and BIRPC_LIVES=1 runs it alone"));
        seed += 1;
    }
    // Each event has met each kind of call at each stage, on both sides.
    let stages = [Stage::New, Stage::Called, Stage::Served, Stage::Opened, Stage::Flowing, Stage::Over];
    for event in Event::ALL.into_iter().filter(|event| *event != Event::Nothing && least >= LIVES) {
        for (kind, is_caller) in Kind::ALL.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
            // The result of a call without one is never opened.
            for stage in stages.into_iter().filter(|stage| (kind, *stage) != (Kind::Up, Stage::Opened)) {
                assert!(
                    met.contains_key(&(event, is_caller, kind, stage)),
                    "{event:?} {is_caller} {kind:?} {stage:?}"
                );
            }
        }
    }
}

#[test]
fn lives_notice_each_breakage_of_the_end() {
    use Breakage::{
        CancelIsNotTold, DisconnectIsClean, DroppedProducerIsClean, EndOvertakesItems, NamesOutliveTheirCall,
    };
    let silent = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let fails = |breakage, seed| {
        Breakage::during(Some(breakage), || catch_unwind(|| run(seed, &mut BTreeMap::new())).is_err())
    };
    let breakages = [
        DroppedProducerIsClean,
        DisconnectIsClean,
        EndOvertakesItems,
        CancelIsNotTold,
        NamesOutliveTheirCall,
    ];
    let noticed = breakages.map(|breakage| (0..500).find(|seed| fails(breakage, *seed)));
    std::panic::set_hook(silent);
    for (breakage, noticed) in breakages.into_iter().zip(noticed) {
        println!("{breakage:?} by seed {noticed:?}");
        assert!(noticed.is_some(), "{breakage:?} is not noticed");
    }
}
