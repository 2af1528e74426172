//! The addresses on which a server listens, and the TCP connections that arrive there.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::{Stream, unfold};
use tokio::net::{TcpListener, TcpSocket, TcpStream, ToSocketAddrs, lookup_host};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::handshake::Local;

/// The number of connections that the system holds until they are accepted. The system's own limit may be
/// lower.
pub(crate) const BACKLOG: u32 = 4096;

/// The first and the longest pause when the system cannot accept another connection, for example because the
/// process has no file descriptors left.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Errors that are this far apart count as separate problems.
const CALM: Duration = Duration::from_secs(60);

/// The number of attempts to find a port that is free on all addresses.
const ATTEMPTS: usize = 16;

/// The addresses that a server listens on: one, or all addresses of a name.
#[derive(Debug)]
pub(crate) struct Listeners {
    listeners: Vec<TcpListener>,
    /// The listener that is asked first. They take turns.
    first: usize,
    trouble: Trouble,
}

/// A TCP connection that has arrived.
pub(crate) struct Arrival {
    pub(crate) stream: TcpStream,
    pub(crate) remote: SocketAddr,
    pub(crate) local: Option<Local>,
    /// The permit of its opening handshake.
    pub(crate) handshake: OwnedSemaphorePermit,
}

impl Listeners {
    /// Listens on all addresses of a name. Addresses that this machine does not have, such as IPv6 ones where
    /// IPv6 is off, are left out if there are others.
    pub(crate) async fn bind(address: impl ToSocketAddrs, backlog: u32) -> io::Result<Self> {
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in lookup_host(address).await? {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        let mut attempts = ATTEMPTS;
        loop {
            attempts -= 1;
            match listen_all(&addresses, backlog) {
                // The port that the first address got may be in use on another address.
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse
                        && attempts > 0
                        && addresses.iter().any(|address| address.port() == 0) => {}
                other => return other.map(Self::new),
            }
        }
    }

    pub(crate) fn new(listeners: Vec<TcpListener>) -> Self {
        Self { listeners, first: 0, trouble: Trouble::default() }
    }

    pub(crate) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.iter().map(TcpListener::local_addr).collect()
    }

    /// The connections that arrive; the stream does not end. A connection is accepted only after a permit of
    /// `handshakes` is free, so that further ones wait in the system's backlog and none is accepted and then
    /// dropped.
    pub(crate) fn arrivals(self, handshakes: Arc<Semaphore>) -> impl Stream<Item = Arrival> {
        unfold((self, handshakes), |(mut listeners, handshakes)| async move {
            // The semaphore is never closed.
            let handshake = handshakes.clone().acquire_owned().await.ok()?;
            let (stream, remote, local) = listeners.accept().await;
            Some((Arrival { stream, remote, local, handshake }, (listeners, handshakes)))
        })
    }

    /// Accepts the next connection. Errors of single connections do not end the listener.
    async fn accept(&mut self) -> (TcpStream, SocketAddr, Option<Local>) {
        loop {
            match self.next().await {
                Ok((stream, remote, bound)) => {
                    self.trouble.pause = None;
                    let local = local(&stream, bound);
                    return (stream, canonical(remote), local);
                }
                // The client has disconnected already.
                Err(error) if is_the_clients(&error) => {
                    tracing::debug!(%error, "a connection ended before it was accepted")
                }
                Err(error) => tokio::time::sleep(self.trouble.of(&error)).await,
            }
        }
    }

    async fn next(&mut self) -> io::Result<(TcpStream, SocketAddr, IpAddr)> {
        poll_fn(|cx| {
            for offset in 0..self.listeners.len() {
                let index = (self.first + offset) % self.listeners.len();
                let listener = &self.listeners[index];
                if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                    self.first = index + 1;
                    let bound = listener.local_addr().map(|bound| bound.ip());
                    return Poll::Ready(accepted.and_then(|(stream, remote)| Ok((stream, remote, bound?))));
                }
            }
            Poll::Pending
        })
        .await
    }
}

fn listen_all(addresses: &[SocketAddr], backlog: u32) -> io::Result<Vec<TcpListener>> {
    let (mut listeners, mut absent) = (Vec::new(), None);
    let mut chosen = None;
    for address in addresses {
        let port = if address.port() == 0 { chosen.unwrap_or(0) } else { address.port() };
        let address = SocketAddr::new(address.ip(), port);
        match listen(address, backlog) {
            Ok(listener) => {
                chosen = chosen.or(Some(listener.local_addr()?.port()));
                listeners.push(listener);
            }
            Err(error) => {
                let is_absent = error.kind() == io::ErrorKind::AddrNotAvailable;
                let what_to_do = match error.kind() {
                    io::ErrorKind::AddrInUse => {
                        "; another program listens there: stop it, or choose another port (0 lets the \
                        system choose)"
                    }
                    _ => "",
                };
                let text = format!("cannot listen on {address}: {error}{what_to_do}");
                let error = io::Error::new(error.kind(), text);
                if !is_absent {
                    return Err(error);
                }
                absent.get_or_insert(error);
            }
        }
    }
    match absent {
        Some(error) if listeners.is_empty() => Err(error),
        Some(error) => {
            tracing::info!(%error, "this machine lacks an address of the name; listening on the others");
            Ok(listeners)
        }
        None if listeners.is_empty() => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on"))
        }
        None => Ok(listeners),
    }
}

/// [`TcpListener::bind`] with a backlog.
fn listen(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        // Such sockets do not exist where IPv6 is off.
        SocketAddr::V6(_) => {
            TcpSocket::new_v6().map_err(|error| io::Error::new(io::ErrorKind::AddrNotAvailable, error))?
        }
    };
    // Allows the port of a server that has just ended to be used again. On Windows the option has another
    // meaning.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(backlog)
}

/// The address at which a connection arrived.
fn local(stream: &TcpStream, bound: IpAddr) -> Option<Local> {
    let address = if bound.is_unspecified() { stream.local_addr().ok()?.ip() } else { bound };
    Some(Local { address, bound })
}

/// Converts an IPv4 address to its IPv4 form: a listener on `[::]` sees it within an IPv6 address (RFC 4291
/// §2.5.5.2).
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// The system's recent errors.
#[derive(Debug, Default)]
struct Trouble {
    last: Option<Instant>,
    /// The pause after the next error; `None` if a connection was accepted since the last one.
    pause: Option<Duration>,
}

impl Trouble {
    /// Returns how long to pause after an error. The first error is logged as a warning and the following
    /// ones at debug level: when the process is out of file descriptors, each connection that ends lets
    /// another one in, followed by the next error.
    fn of(&mut self, error: &io::Error) -> Duration {
        let (first, most) = PAUSE;
        if self.begins(Instant::now()) {
            tracing::warn!(%error, "cannot accept connections; retrying at least once a second");
        } else {
            tracing::debug!(%error, "cannot accept connections");
        }
        let pause = self.pause.unwrap_or(first);
        self.pause = Some(most.min(pause * 2));
        pause
    }

    /// Records an error. Returns whether it is the first one after a calm.
    fn begins(&mut self, now: Instant) -> bool {
        self.last.replace(now).is_none_or(|last| now.duration_since(last) > CALM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_until_a_connection_is_accepted() {
        let mut trouble = Trouble::default();
        let error = io::Error::other("out of descriptors");
        let pauses: Vec<_> = (0..7).map(|_| trouble.of(&error).as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1000, 1000]);
        trouble.pause = None;
        assert_eq!(trouble.of(&error).as_millis(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_begins_once_however_often_a_connection_gets_in_meanwhile() {
        let mut trouble = Trouble::default();
        let began = Instant::now();
        for (second, begins) in [(0, true), (1, false), (50, false), (100, false), (170, true), (171, false)]
        {
            assert_eq!(trouble.begins(began + Duration::from_secs(second)), begins, "after {second} s");
            trouble.pause = None;
        }
    }

    #[tokio::test]
    async fn all_addresses_get_the_port_that_the_first_one_got() {
        let addresses: [SocketAddr; 3] =
            ["127.0.0.1:0", "127.0.0.2:0", "127.0.0.1:0"].map(|a| a.parse().expect("one"));
        let bound = Listeners::bind(&addresses[..], 16)
            .await
            .expect("free ports")
            .addresses()
            .expect("they are bound");
        assert_eq!(bound.len(), 2, "each address once: {bound:?}");
        assert_eq!(bound[0].port(), bound[1].port());
        assert_ne!(bound[0].port(), 0);
    }

    #[tokio::test]
    async fn an_address_that_is_not_this_machines_is_left_out_if_there_is_another() {
        let addresses: [SocketAddr; 2] = ["192.0.2.1:0", "127.0.0.1:0"].map(|a| a.parse().expect("one"));
        let listeners = Listeners::bind(&addresses[..], 16).await.expect("a free port");
        let bound = listeners.addresses().expect("it is bound");
        assert_eq!(bound.len(), 1, "{bound:?}");
        let error = Listeners::bind(addresses[0], 16).await.expect_err("not this machine's");
        assert!(error.to_string().contains("192.0.2.1:0"), "{error}");
        let taken = Listeners::bind(&[addresses[1], bound[0]][..], 16).await.expect_err("it is in use");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        assert!(taken.to_string().contains(&bound[0].to_string()), "{taken}");
    }
}
