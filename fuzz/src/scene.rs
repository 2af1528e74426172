//! Runs an input from its beginning to the connection's end, and checks what must hold then.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use birpc_core::transport::{Role, WebSocket};
use birpc_core::{Call, Connection, ConnectionState, ErrorObject, Peer, RawValue};
use tokio::runtime::Builder;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{advance, sleep, timeout};

use crate::far::Far;
use crate::frames::Checker;
use crate::script::{Step, steps};
use crate::service::router;
use crate::settings::{Finish, Settings};
use crate::streams::{Pulled, numbers};

/// The maximum number of polls of a connection. More means an endless loop.
const MAX_POLLS: usize = 200_000;

/// The maximum time until a connection ends: keepalive, a stall and a close, one after the other.
const MAX_END: Duration = Duration::from_secs(120);

/// The maximum output for each input byte, in addition to our calls, pings and the close.
const MAX_GAIN: usize = 256;
const MAX_OWN: usize = 64 << 10;

type OurCall = Call<Result<Box<RawValue>, ErrorObject>>;

/// Runs an input. Its first byte has the [`Settings`]; the others are the bytes on the wire or a script.
///
/// # Panics
/// If the connection hangs, loops without end, leaves something behind, or sends something invalid.
pub fn play(input: &[u8]) {
    let Some((first, input)) = input.split_first() else { return };
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("it needs no resources");
    runtime.block_on(async {
        let settings = Settings::new(*first);
        let mut scene = Scene::new(settings).await;
        scene.run(settings, input).await;
        scene.finish(settings.finish(), input.len()).await;
    });
    assert_eq!(runtime.metrics().num_alive_tasks(), 0, "tasks outlive their connection");
}

struct Scene {
    far: Far,
    peer: Peer,
    connection: JoinHandle<()>,
    polls: Arc<AtomicUsize>,
    calls: VecDeque<OurCall>,
    streams: VecDeque<Pulled>,
    /// Whether steps follow each other without a turn between them.
    burst: bool,
}

impl Scene {
    async fn new(settings: Settings) -> Self {
        let (near, far) = tokio::io::duplex(settings.pipe());
        let (role, config) = (settings.role(), settings.config());
        let socket = WebSocket::new(near, Vec::new(), role, &config.limits);
        let (peer, connection) = Connection::new(socket, config, settings.info());
        let polls = Arc::new(AtomicUsize::new(0));
        let connection = tokio::spawn(counted(connection.serve(router()), polls.clone()));
        let far = Far::new(far, Checker::new(role == Role::Client));
        Self { far, peer, connection, polls, calls: VecDeque::new(), streams: VecDeque::new(), burst: false }
    }

    async fn run(&mut self, settings: Settings, input: &[u8]) {
        if settings.is_raw() {
            self.far.outgoing().extend_from_slice(input);
            return self.settle().await;
        }
        for step in steps(input, settings.role() == Role::Server) {
            self.step(step).await;
            if !self.burst {
                self.settle().await;
            }
        }
        self.settle().await;
    }

    async fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Send(bytes) => self.far.outgoing().extend(bytes),
            Step::Call { method, timeout } => {
                let call = self.peer.call(&String::from_utf8_lossy(method), ());
                let bounded = |call: OurCall| call.with_timeout(Duration::from_secs(1));
                self.calls.push_back(if timeout { bounded(call) } else { call });
                self.poll_calls();
            }
            Step::Notify(method) => {
                let notify = self.peer.notify(&String::from_utf8_lossy(method), ());
                // Once: a full queue drops it.
                let _ = poll_once(pin!(notify));
            }
            Step::Pull { method, reads } => {
                let mut pulled = Pulled::new(&self.peer, &String::from_utf8_lossy(method), reads);
                if pulled.poll() {
                    self.streams.push_back(pulled);
                }
            }
            Step::Push { method, items } => {
                let params = (numbers(items),);
                self.calls.push_back(self.peer.invoke_with_streams(&String::from_utf8_lossy(method), params));
                self.poll_calls();
            }
            Step::Drop => drop(self.calls.pop_front()),
            Step::DropStream => drop(self.streams.pop_front()),
            Step::Drain => {
                let peer = self.peer.clone();
                drop(tokio::spawn(async move { peer.drain().await }));
            }
            Step::Close => self.peer.close(4000, "the script says so").expect("it may be sent"),
            Step::Wait(seconds) => advance(Duration::from_secs(seconds)).await,
            Step::ToggleReading => self.far.reads = !self.far.reads,
            Step::ToggleBurst => self.burst = !self.burst,
            Step::Nothing => {}
        }
    }

    /// Runs until nothing happens without the clock. Our calls are polled once, since a call that waits for
    /// room makes the connection run each time.
    async fn settle(&mut self) {
        loop {
            let before = self.polls.load(Ordering::Relaxed);
            let moved = self.far.pump().await;
            for _ in 0..3 {
                yield_now().await;
            }
            if !moved && self.polls.load(Ordering::Relaxed) == before {
                break;
            }
        }
        self.poll_calls();
    }

    /// Removes our calls that have ended.
    fn poll_calls(&mut self) {
        self.calls.retain_mut(|call| poll_once(Pin::new(call)).is_pending());
        self.streams.retain_mut(Pulled::poll);
    }

    async fn finish(mut self, finish: Finish, sent: usize) {
        let end = async {
            match finish {
                Finish::Stalled => {}
                Finish::Silent => self.far.read_to_end().await,
                Finish::Close => {
                    let _ = self.peer.close(1000, ""); // it may be sent
                    self.far.read_to_end().await;
                }
                Finish::Cut => self.far.cut(),
            }
            (&mut self.connection).await.expect("the connection's task does not panic");
        };
        timeout(MAX_END, end).await.expect("the connection ends");
        let received = self.far.received();
        assert!(received <= sent * MAX_GAIN + MAX_OWN, "{received} bytes for {sent}");
        self.check_end().await;
    }

    /// Checks that nothing is left.
    async fn check_end(mut self) {
        assert_eq!(self.peer.state(), ConnectionState::Closed);
        self.poll_calls();
        assert!(self.calls.is_empty(), "{} calls are not told of the end", self.calls.len());
        self.streams.drain(..).for_each(Pulled::check_end);
        assert_eq!((self.peer.in_flight(), self.peer.serving()), (0, 0));
        // For handlers in a shielded section.
        sleep(MAX_END).await;
        assert!(!birpc_core::internals::has_streams(&self.peer), "streams outlive their connection");
    }
}

/// A connection that fails if it is polled too often.
async fn counted(connection: impl Future, polls: Arc<AtomicUsize>) {
    let mut connection = pin!(connection);
    poll_fn(|cx| {
        let before = polls.fetch_add(1, Ordering::Relaxed);
        assert!(before < MAX_POLLS, "the connection turns in circles");
        connection.as_mut().poll(cx)
    })
    .await;
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
