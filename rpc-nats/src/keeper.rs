//! The task that keeps a connection: it notices when it is lost, and connects anew.

use std::sync::Arc;
use std::time::Duration;

use birpc_core::__private::crates::jitter;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use crate::client::Settings;
use crate::connection::Connection;
use crate::current::Current;
use crate::servers::Servers;

/// How often a round trip to the server is made, and how long it may take.
const ROUND_TRIP: Duration = Duration::from_secs(2);

/// So many round trips that fail one after the other are a loss.
const MAX_MISSED: u32 = 2;

/// The bound of the delay before the first attempt to reconnect. It doubles with each further one.
const FIRST_DELAY: Duration = Duration::from_millis(100);

const MAX_DELAY: Duration = Duration::from_secs(4);

/// After a connection of this length the delay starts over.
const GOOD_LIFE: Duration = Duration::from_secs(5);

/// Keeps a connection.
pub(crate) struct Keeper {
    settings: Settings,
    servers: Servers,
    current: Arc<Current>,
    delay: Duration,
}

impl Keeper {
    pub(crate) fn new(settings: Settings, servers: Servers, current: Arc<Current>) -> Self {
        Self { settings, servers, current, delay: FIRST_DELAY }
    }

    /// Runs until it is dropped.
    pub(crate) async fn keep(mut self, mut connection: Arc<Connection>) {
        let _closed = CloseWhenDropped(self.current.clone());
        loop {
            let began = Instant::now();
            let why = until_lost(&connection).await;
            tracing::warn!(why, "the connection to NATS is lost");
            connection.end(why);
            self.current.lose();
            drop(connection);
            if began.elapsed() >= GOOD_LIFE {
                self.delay = FIRST_DELAY;
            }
            connection = self.reconnect().await;
            self.current.restore(connection.clone());
            tracing::info!("the connection to NATS is restored");
        }
    }

    async fn reconnect(&mut self) -> Arc<Connection> {
        let mut has_warned = false;
        loop {
            sleep(jitter(self.delay)).await;
            self.delay = self.delay.saturating_mul(2).min(MAX_DELAY);
            match self.settings.connect_to_one(&mut self.servers, self.current.queue()).await {
                Ok(connection) => return connection,
                Err(error) if !has_warned => {
                    has_warned = true;
                    tracing::warn!(%error, "NATS cannot be reached; further attempts are not logged");
                }
                Err(_) => {}
            }
        }
    }
}

/// Waits until a connection is lost, and returns why.
async fn until_lost(connection: &Connection) -> String {
    let mut ticks = interval_at(Instant::now() + ROUND_TRIP, ROUND_TRIP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut missed = 0;
    while missed < MAX_MISSED {
        tokio::select! {
            why = connection.ended() => return why,
            _ = ticks.tick() => {}
        }
        match timeout(ROUND_TRIP, connection.round_trip()).await {
            Ok(Ok(())) => missed = 0,
            // It has ended.
            Ok(Err(_)) => {}
            Err(_) => missed += 1,
        }
    }
    "the server does not answer".into()
}

/// Ends what is there, when the task is dropped or its runtime ends.
struct CloseWhenDropped(Arc<Current>);

impl Drop for CloseWhenDropped {
    fn drop(&mut self) {
        self.0.close();
    }
}
