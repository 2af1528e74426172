//! Takes samples of a server, once a second while somebody watches.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use birpc_core::__private::crates::excerpt;
use birpc_core::__private::crates::inspect::{OpenCall, most_groups, open_calls, open_streams};
use birpc_core::{Groups, Peer};
use birpc_server::__private::inspection;
use birpc_server::ServerHandle;
use futures_util::future::join_all;
use rustc_hash::FxHashMap;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::clock::now_ms;
use crate::contract::{LimitRow, MethodRow, OpenCallRow, Sample};
use crate::tallies::{ByMethod, MAX_NAME, Tallies, Tally, merge};

/// The time between samples.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// The number of methods in a sample.
const MAX_METHODS: usize = 100;

/// The number of open calls of each direction in a sample.
const MAX_OLDEST: usize = 50;

/// The number of peers that are asked for their open calls for one sample. They are asked in turn.
const MAX_ASKED: usize = 2000;

/// How long the answers are awaited. A connection whose task is blocked gives none.
const PATIENCE: Duration = Duration::from_millis(200);

/// Sends samples until the future is dropped.
pub(crate) async fn run(server: ServerHandle, tallies: Arc<Tallies>, samples: watch::Sender<Arc<Sample>>) {
    let mut sampler =
        Sampler { server, tallies, totals: ByMethod::default(), last: Instant::now(), asked: 0 };
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        samples.send_replace(Arc::new(sampler.sample().await));
    }
}

struct Sampler {
    server: ServerHandle,
    tallies: Arc<Tallies>,
    /// Since somebody watches.
    totals: ByMethod,
    last: Instant,
    /// How many peers have been asked for their open calls, over all samples.
    asked: usize,
}

impl Sampler {
    async fn sample(&mut self) -> Sample {
        let peers = self.server.peers().list();
        let (mut oldest, silent) = self.oldest(&peers).await;
        let called = inspection(&self.server).called(MAX_OLDEST);
        oldest.extend(called.into_iter().map(|(peer, call)| row(peer, false, call)));
        oldest.sort_by_key(|row| Reverse(row.age_ms));
        let interval_ms = millis(std::mem::replace(&mut self.last, Instant::now()).elapsed());
        let sum = |of: fn(&Peer) -> usize| peers.iter().map(of).sum();
        Sample {
            at_ms: now_ms(),
            interval_ms,
            peers: peers.len(),
            serving: sum(Peer::serving),
            calling: sum(Peer::in_flight),
            streams: sum(open_streams),
            queued_bytes: sum(Peer::buffered_amount),
            methods: self.methods(),
            limits: limits(&peers, &self.server.groups()),
            oldest,
            silent,
            errors: self.tallies.errors(),
        }
    }

    fn methods(&mut self) -> Vec<MethodRow> {
        let ByMethod { served, called } = self.tallies.take();
        let mut rows = rows(true, &mut self.totals.served, served);
        rows.append(&mut self::rows(false, &mut self.totals.called, called));
        rows.sort_unstable_by(|a, b| b.calls_total.cmp(&a.calls_total).then_with(|| a.name.cmp(&b.name)));
        rows.truncate(MAX_METHODS);
        rows
    }

    /// The oldest open calls of peers, and the number of peers that did not answer.
    async fn oldest(&mut self, peers: &[Peer]) -> (Vec<OpenCallRow>, usize) {
        let is_busy = |peer: &&Peer| peer.serving() > 0 && peer.close_reason().is_none();
        let mut busy: Vec<_> = peers.iter().filter(is_busy).collect();
        if busy.len() > MAX_ASKED {
            busy.sort_unstable_by_key(|peer| peer.id().get());
            let first = self.asked % busy.len();
            busy.rotate_left(first);
            busy.truncate(MAX_ASKED);
        }
        self.asked = self.asked.wrapping_add(busy.len());
        let answers = busy.into_iter().map(|peer| async move {
            let list = timeout(PATIENCE, open_calls(peer)).await;
            (peer.id().get(), list)
        });
        let (mut oldest, mut silent) = (Vec::new(), 0);
        for (peer, list) in join_all(answers).await {
            match list {
                Ok(list) => {
                    oldest.extend(list.unwrap_or_default().into_iter().map(|call| row(peer, true, call)))
                }
                Err(_) => silent += 1,
            }
        }
        oldest.sort_unstable_by_key(|row: &OpenCallRow| Reverse(row.age_ms));
        oldest.truncate(MAX_OLDEST);
        (oldest, silent)
    }
}

/// The rows of one direction. Adds the new counts to the totals.
fn rows(
    served: bool,
    totals: &mut FxHashMap<Box<str>, Tally>,
    new: FxHashMap<Box<str>, Tally>,
) -> Vec<MethodRow> {
    let mut rows: FxHashMap<Box<str>, MethodRow> = FxHashMap::default();
    for (name, tally) in &new {
        let row = MethodRow {
            calls: tally.calls,
            failed: tally.failed,
            p50_us: tally.durations.quantile(0.5),
            p99_us: tally.durations.quantile(0.99),
            ..MethodRow::default()
        };
        rows.insert(name.clone(), row);
    }
    merge(totals, new);
    let with_totals = totals.iter().map(|(name, total)| MethodRow {
        name: name.to_string(),
        served,
        calls_total: total.calls,
        failed_total: total.failed,
        ..rows.remove(name).unwrap_or_default()
    });
    with_totals.collect()
}

fn row(peer: u64, served: bool, call: OpenCall) -> OpenCallRow {
    OpenCallRow {
        peer,
        served,
        method: excerpt(&call.method, MAX_NAME),
        id: call.id.map(String::from),
        age_ms: millis(call.age),
        state: call.state.to_string(),
    }
}

/// How near each limit is.
fn limits(peers: &[Peer], groups: &Groups) -> Vec<LimitRow> {
    // The limits of all connections of a server are the same.
    let Some(limits) = peers.first().map(Peer::limits) else { return Vec::new() };
    let row = |name: &str, used: usize, limit: usize, peer| LimitRow {
        name: name.into(),
        used: used as u64,
        limit: limit as u64,
        peer,
    };
    let most = |name: &str, limit: usize, of: fn(&Peer) -> usize| {
        let most = peers.iter().map(|peer| (of(peer), peer)).max_by_key(|(used, _)| *used);
        let (used, peer) = most.map_or((0, None), |(used, peer)| (used, Some(peer.id().get())));
        row(name, used, limit, peer.filter(|_| used > 0))
    };
    let answering = |peer: &Peer| peer.serving().saturating_sub(open_streams(peer));
    let all = || peers.iter().map(answering).sum();
    let mut rows = vec![
        row("max_connections", peers.len(), limits.max_connections, None),
        most("max_in_flight", limits.max_in_flight, answering),
        most("max_open", limits.max_open, answering),
        most("max_streams", limits.max_streams, open_streams),
        most("max_queued_bytes", limits.max_queued_bytes, Peer::buffered_amount),
    ];
    if let Some((peer, used)) = most_groups(groups).filter(|(_, used)| *used > 0) {
        rows.push(row("max_groups", used, limits.max_groups, Some(peer.get())));
    }
    let totals =
        [("max_in_flight_total", limits.max_in_flight_total), ("max_open_total", limits.max_open_total)];
    rows.extend(totals.into_iter().filter_map(|(name, limit)| Some(row(name, all(), limit?, None))));
    rows.sort_by(|a, b| share(b).total_cmp(&share(a)));
    rows
}

fn share(row: &LimitRow) -> f64 {
    row.used as f64 / (row.limit as f64).max(1.0)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
