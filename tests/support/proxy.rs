//! A TCP proxy between a client and a server that fails on command. It uses no timers: a direction that holds
//! keeps all bytes until it is released.

use std::future::pending;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Carries one connection. Commands may be given before a client connects.
pub struct Proxy {
    address: SocketAddr,
    pub to_server: Flow,
    pub to_client: Flow,
    reset: watch::Sender<bool>,
}

/// One direction of the proxy. A clone is cheap.
#[derive(Clone)]
pub struct Flow(watch::Sender<State>);

struct State {
    /// The number of bytes that may still pass; `u64::MAX` means no limit.
    room: u64,
    /// The number of bytes in one write.
    stride: usize,
    /// The number of bytes that have arrived and may not pass.
    held: usize,
    ended: bool,
}

impl Proxy {
    /// Starts a proxy on a port that the system chooses.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (to_server, to_client) = (Flow::new(), Flow::new());
        let (reset, resets) = watch::channel(false);
        let flows = [to_server.clone(), to_client.clone()];
        tokio::spawn(async move {
            let (near, _) = listener.accept().await.expect("a client");
            let far = TcpStream::connect(server).await.expect("the server listens");
            carry(near, far, flows, resets).await;
        });
        Self { address, to_server, to_client, reset }
    }

    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// Holds all bytes in both directions and closes nothing, like a black hole, until they are released.
    pub fn hold(&self) {
        self.to_server.hold();
        self.to_client.hold();
    }

    pub fn release(&self) {
        self.to_server.release();
        self.to_client.release();
    }

    /// Ends both streams (FIN), without a close frame.
    pub fn cut(&self) {
        self.to_server.end();
        self.to_client.end();
    }

    /// Resets both connections (RST).
    pub fn reset(&self) {
        self.reset.send_replace(true);
    }
}

impl Flow {
    fn new() -> Self {
        Self(watch::Sender::new(State { room: u64::MAX, stride: usize::MAX, held: 0, ended: false }))
    }

    pub fn hold(&self) {
        self.allow(0);
    }

    /// Lets this many more bytes pass, and holds the others.
    pub fn allow(&self, bytes: u64) {
        self.0.send_modify(|state| state.room = bytes);
    }

    pub fn release(&self) {
        self.allow(u64::MAX);
    }

    /// Passes one byte at a time.
    pub fn trickle(&self) {
        self.0.send_modify(|state| state.stride = 1);
    }

    /// Ends the stream for its reader, after what has passed. Later bytes are dropped.
    pub fn end(&self) {
        self.0.send_modify(|state| state.ended = true);
    }

    /// Waits until bytes are held.
    pub async fn held(&self) {
        self.until(|state| state.held > 0 && state.room == 0).await;
    }

    async fn until(&self, condition: impl FnMut(&State) -> bool) {
        if self.0.subscribe().wait_for(condition).await.is_err() {
            unreachable!("this handle holds a sender itself")
        }
    }

    /// Copies bytes until the stream ends.
    async fn copy(&self, from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>) -> std::io::Result<()> {
        let mut buffer = vec![0; 16 << 10];
        loop {
            let read = from.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            let mut rest = &buffer[..read];
            while !rest.is_empty() {
                let (now, later) = rest.split_at(self.take(rest.len()));
                if now.is_empty() {
                    self.until(|state| state.room > 0).await;
                }
                to.write_all(now).await?;
                rest = later;
                // The other side reads before more is sent, so that it gets each piece separately.
                tokio::task::yield_now().await;
            }
        }
    }

    /// How many of these bytes may pass now.
    fn take(&self, bytes: usize) -> usize {
        let mut taken = 0;
        self.0.send_modify(|state| {
            let room = usize::try_from(state.room).unwrap_or(usize::MAX);
            taken = bytes.min(state.stride).min(room);
            state.held = bytes - taken;
            if state.room < u64::MAX {
                state.room -= taken as u64;
            }
        });
        taken
    }
}

async fn carry(
    mut near: TcpStream,
    mut far: TcpStream,
    [up, down]: [Flow; 2],
    mut reset: watch::Receiver<bool>,
) {
    for stream in [&near, &far] {
        stream.set_nodelay(true).expect("a socket option");
    }
    {
        let ((near_reads, near_writes), (far_reads, far_writes)) = (near.split(), far.split());
        let both =
            async { tokio::join!(pump(near_reads, far_writes, &up), pump(far_reads, near_writes, &down)) };
        let resets = async {
            if reset.wait_for(|reset| *reset).await.is_err() {
                pending::<()>().await; // the test is over and wants no reset
            }
        };
        tokio::select! {
            _ = both => return,
            () = resets => {}
        }
    }
    for stream in [near, far] {
        stream.set_zero_linger().expect("a socket option");
    }
}

async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, flow: &Flow) {
    tokio::select! {
        () = flow.until(|state| state.ended) => {}
        _ = flow.copy(&mut from, &mut to) => {}
    }
    let _ = to.shutdown().await; // who read it may be gone
    // If the rest were not read, dropping the socket would reset the connection.
    let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
}
