//! Everything that a call occupies is released when its handler has ended, whether its connection exists or
//! not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc as std_mpsc};
use std::thread;
use std::time::Duration;

use birpc::{Client, ConnectError, Context, ErrorObject, Limits, Router, Server, ServerHandle, rpc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::support::bounded;

type Answer<T> = Result<T, ErrorObject>;

/// Params that are counted while they exist: a handler owns them, running or queued.
struct Counted(usize);

static LIVE: [AtomicUsize; 8] = [const { AtomicUsize::new(0) }; 8];

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let which = usize::deserialize(deserializer)?;
        LIVE[which].fetch_add(1, Ordering::SeqCst);
        Ok(Self(which))
    }
}

/// The generated client requires it.
impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVE[self.0].fetch_sub(1, Ordering::SeqCst);
    }
}

#[rpc]
trait Work {
    #[rpc(blocking)]
    fn block(&self, counted: Counted) -> Answer<()>;
    async fn shield(&self, cx: &Context, counted: Counted) -> Answer<()>;
    async fn hold(&self, counted: Counted) -> Answer<()>;
    async fn ping(&self) -> Answer<()>;
}

struct Slow {
    open: Mutex<std_mpsc::Receiver<()>>,
    gate: Arc<Semaphore>,
}

impl Work for Slow {
    fn block(&self, counted: Counted) -> Answer<()> {
        let _ = self.open.lock().expect("no panic").recv();
        drop(counted);
        Ok(())
    }

    async fn shield(&self, cx: &Context, counted: Counted) -> Answer<()> {
        cx.shield(async {
            let _opened = self.gate.acquire().await;
        })
        .await;
        drop(counted);
        Ok(())
    }

    async fn hold(&self, counted: Counted) -> Answer<()> {
        self.block(counted)
    }

    async fn ping(&self) -> Answer<()> {
        Ok(())
    }
}

/// A server whose handlers wait until the gate opens, on its own runtime.
struct Flooded {
    runtime: Runtime,
    handle: ServerHandle,
    url: String,
    open: std_mpsc::Sender<()>,
    gate: Arc<Semaphore>,
}

impl Flooded {
    async fn start(blocking_threads: usize, limits: impl FnOnce(&mut Limits)) -> Self {
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(4).max_blocking_threads(blocking_threads).enable_all();
        let runtime = runtime.build().expect("a runtime");
        let (open, gated) = std_mpsc::channel();
        let gate = Arc::new(Semaphore::new(0));
        let service = WorkServer::new(Slow { open: Mutex::new(gated), gate: gate.clone() });
        let builder = Server::builder().limits(limits);
        let bound = runtime.spawn(async move { builder.bind("127.0.0.1:0").await });
        let server = bound.await.expect("no panic").expect("a free port");
        let (handle, address) = (server.handle(), server.local_addr().expect("it is bound"));
        runtime.spawn(server.serve(Router::new().service(service)));
        Self { runtime, handle, url: format!("ws://{address}/"), open, gate }
    }

    /// Callers that call and disconnect: `calls` each. Returns how many were accepted.
    async fn flood(
        &self,
        method: &'static str,
        which: usize,
        callers: usize,
        calls: usize,
        most: usize,
    ) -> usize {
        let mut entered = 0;
        for _ in 0..callers {
            let client = match Client::connect(&self.url).await {
                Ok(client) => client,
                Err(ConnectError::Refused { status: 503, .. }) => continue,
                Err(error) => panic!("{error}"),
            };
            entered += 1;
            for _ in 0..calls {
                let called = client.peer().call::<()>(method, (which,));
                let _ = timeout(Duration::from_millis(200), called).await; // by then it runs, or was refused
            }
            client.close(1000, "gone").expect("it may be sent");
            client.peer().closed().await;
            let live = LIVE[which].load(Ordering::SeqCst);
            assert!(live <= most, "{live} handlers of {method}, over {most}");
        }
        entered
    }

    /// Releases all handlers, and waits until nothing is occupied.
    async fn ends(self, which: usize) {
        drop(self.open);
        self.gate.close();
        while LIVE[which].load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(5)).await;
        }
        loop {
            if let Ok(client) = Client::connect(&self.url).await
                && client.peer().call::<()>("ping", ()).await.is_ok()
            {
                break;
            }
            sleep(Duration::from_millis(5)).await;
        }
        self.handle.stop();
        self.runtime.shutdown_background();
    }
}

/// With a limit on all open calls.
async fn never_more_than_max_open_total(method: &'static str, which: usize, blocking_threads: usize) {
    let server = Flooded::start(blocking_threads, |limits| {
        (limits.max_open, limits.max_in_flight) = (2, 2);
        (limits.max_connections, limits.max_open_total) = (100, Some(3));
    })
    .await;
    let entered = server.flood(method, which, 20, 2, 3).await;
    assert_eq!(entered, 20, "connections of callers that were refused are free");
    assert_eq!(LIVE[which].load(Ordering::SeqCst), 3);
    server.ends(which).await;
}

/// Without that limit: as many as the allowed connections may have.
async fn never_more_than_max_connections_have(method: &'static str, which: usize, blocking_threads: usize) {
    let server = Flooded::start(blocking_threads, |limits| {
        (limits.max_open, limits.max_in_flight, limits.max_connections) = (1, 1, 3);
    })
    .await;
    let entered = server.flood(method, which, 20, 2, 3).await;
    assert_eq!((entered, LIVE[which].load(Ordering::SeqCst)), (3, 3));
    server.ends(which).await;
}

#[tokio::test]
async fn blocking_handlers_of_callers_that_hang_up_are_bounded() {
    bounded(never_more_than_max_open_total("block", 0, 512)).await;
    bounded(never_more_than_max_connections_have("block", 0, 512)).await;
}

#[tokio::test]
async fn handlers_that_wait_for_a_thread_are_bounded() {
    bounded(never_more_than_max_open_total("block", 1, 1)).await;
    bounded(never_more_than_max_connections_have("block", 1, 1)).await;
}

#[tokio::test]
async fn shielded_handlers_of_callers_that_hang_up_are_bounded() {
    bounded(never_more_than_max_open_total("shield", 2, 512)).await;
    bounded(never_more_than_max_connections_have("shield", 2, 512)).await;
}

#[tokio::test]
async fn handlers_that_hold_their_thread_are_bounded() {
    bounded(never_more_than_max_open_total("hold", 3, 512)).await;
    bounded(never_more_than_max_connections_have("hold", 3, 512)).await;
}

/// A handler's context may outlive the handler, and occupies nothing.
#[tokio::test]
async fn a_context_that_is_kept_takes_up_nothing() {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = kept.clone();
    let router = Router::new().method("keep", move |cx: Context, _: Option<()>| {
        keep.lock().expect("no panic").push(cx);
        async { Answer::Ok(()) }
    });
    let limits = |limits: &mut Limits| {
        (limits.max_open_total, limits.max_in_flight_total, limits.max_connections) = (Some(1), Some(1), 1);
    };
    let server = Server::builder().limits(limits).bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", server.local_addr().expect("it is bound"));
    tokio::spawn(server.serve(router));
    for _ in 0..3 {
        let client = bounded(async {
            loop {
                match Client::connect(&url).await {
                    Ok(client) => return client,
                    Err(_) => thread::yield_now(),
                }
                sleep(Duration::from_millis(1)).await;
            }
        });
        let client = client.await;
        for _ in 0..3 {
            client.peer().call::<()>("keep", ()).await.expect("there is room");
        }
    }
    assert_eq!(kept.lock().expect("no panic").len(), 9);
}
