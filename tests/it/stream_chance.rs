//! Lives of streams that are made of chance, over each kind of connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use birpc::{CallError, CallHandle, ErrorObject, Peer, Streaming};
use futures_util::FutureExt;

use crate::stream_endings::{FeedClient, Server};
use crate::support::{Join, Side, over_both};

over_both! { lives_of_chance_end_as_they_must_and_leave_nothing }

/// Numbers that look like chance, the same for the same seed.
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        let mut chance = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        chance.below(2);
        chance
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

/// The numbers below `length`, and an error behind them if it `fails`.
fn numbers(length: u64, fails: bool) -> Streaming<u64> {
    Streaming::produce(move |out| async move {
        for number in 0..length {
            if number % 7 == 3 {
                tokio::task::yield_now().await;
            }
            out.send(number).await?;
        }
        if fails { Err(ErrorObject::new(5, "torn"))? } else { Ok(()) }
    })
}

/// What one life came to: whether it may have, given what was done to it.
async fn life(feed: FeedClient, seed: u64, cut: Arc<AtomicUsize>) {
    let mut random = Chance::new(seed);
    let (length, window) = (random.below(60), 1 + random.below(19) as usize);
    let take = random.below(80);
    let kind = random.below(4);
    let numbers = move |fails| numbers(length, fails);
    let is_cut = || cut.load(Ordering::SeqCst) > 0;
    match kind {
        0 | 1 => {
            let opening = if kind == 0 { feed.count(0, length) } else { feed.double(numbers(false)) };
            let opening = opening.window(window, 1 << 20);
            let mut stream = match opening.await {
                Ok(stream) => stream,
                Err(error) => return assert!(is_cut(), "seed {seed}: {error:?}"),
            };
            let factor = 1 + u64::from(kind == 1);
            let mut expected = 0;
            while expected < take {
                for _ in 0..random.below(4) {
                    tokio::task::yield_now().await;
                }
                match stream.next().await {
                    Some(Ok(item)) => assert_eq!(item, expected * factor, "seed {seed}"),
                    Some(Err(error)) => return assert!(is_cut(), "seed {seed}: {error:?}"),
                    None => return assert_eq!(expected, length, "seed {seed}: a clean end that was none"),
                }
                expected += 1;
            }
        }
        2 => {
            let fails = random.below(2) == 1;
            match feed.sum(numbers(fails)).await {
                Ok(sum) => assert!(!fails && sum == (0..length).sum::<u64>(), "seed {seed}: {sum}"),
                Err(CallError::Method(error)) if error.code() == 9 => {
                    assert!(fails || is_cut(), "seed {seed}: {error}")
                }
                Err(error) => assert!(is_cut(), "seed {seed}: {error:?}"),
            }
        }
        _ => {
            let mut call = Box::pin(feed.sum(numbers(true)));
            let handle: CallHandle = call.handle();
            for _ in 0..random.below(4) {
                if call.as_mut().now_or_never().is_some() {
                    return;
                }
                tokio::task::yield_now().await;
            }
            handle.cancel();
        }
    }
}

/// Fifty streams at once, a hundred times, every tenth of which is cut; `BIRPC_SEED` replays one.
async fn lives_of_chance_end_as_they_must_and_leave_nothing(join_by: Join) {
    let seeds = match std::env::var("BIRPC_SEED").map(|seed| seed.parse()) {
        Ok(Ok(seed)) => seed..seed + 1,
        _ => 0..if matches!(join_by, Join::Memory) { 60 } else { 20 },
    };
    for seed in seeds {
        let server = Server::new();
        let pair = join_by.peers(Side::default(), server.side()).await;
        let cut = Arc::new(AtomicUsize::new(0));
        let lives: Vec<_> = (0..50)
            .map(|index| {
                let peer: Peer =
                    if index % 2 == 0 { pair.client.clone() } else { pair.client.clone().detached() };
                tokio::spawn(life(peer.stub(), seed * 1000 + index, cut.clone()))
            })
            .collect();
        if seed % 10 == 9 {
            for _ in 0..seed {
                tokio::task::yield_now().await;
            }
            cut.store(1, Ordering::SeqCst);
            pair.cut();
        }
        for life in lives {
            life.await.expect("it ends as it must");
        }
        server.rest().await;
        while pair.client.in_flight() + pair.server.serving() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
