//! Opens TCP connections to names and addresses.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use tokio::net::{TcpStream, lookup_host};

use super::Destination;
use super::eyeballs::{interleave, race};
use crate::stage::Stage;

/// The number of addresses of a name that an error lists.
const MAX_NAMED: usize = 8;

/// Looks the host up and connects to the first of its addresses that answers.
pub(super) async fn connect(to: &Destination, stage: &Stage) -> io::Result<TcpStream> {
    stage.set(format!("looking up {}", to.host));
    let addresses = interleave(lookup_host((to.host.as_str(), to.port)).await?);
    connect_to(to, addresses, stage).await
}

async fn connect_to(to: &Destination, addresses: Vec<SocketAddr>, stage: &Stage) -> io::Result<TcpStream> {
    let tried = Mutex::new(Vec::new());
    let outcome = race(addresses, |address| {
        let mut tried = tried.lock().unwrap_or_else(PoisonError::into_inner);
        tried.push(address);
        stage.set(format!("connecting to {}", named(&tried)));
        TcpStream::connect(address)
    })
    .await;
    let stream = outcome.map_err(|failures| explained(to, failures))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn named(addresses: &[SocketAddr]) -> String {
    let shown: Vec<_> = addresses.iter().take(MAX_NAMED).map(SocketAddr::to_string).collect();
    let more = addresses.len().saturating_sub(MAX_NAMED);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// Combines all failures into one error. It lists the addresses, unless the URL names the only one.
fn explained(to: &Destination, mut failures: Vec<(SocketAddr, io::Error)>) -> io::Error {
    let Some((first, error)) = failures.first() else {
        return io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    };
    let kind = error.kind();
    if failures.len() == 1 && first.to_string() == to.to_string() {
        return failures.swap_remove(0).1;
    }
    let mut text = String::new();
    for (at, (address, error)) in failures.iter().take(MAX_NAMED).enumerate() {
        let _ = write!(text, "{}{address}: {error}", if at == 0 { "" } else { "; " });
    }
    let more = failures.len().saturating_sub(MAX_NAMED);
    if more > 0 {
        let _ = write!(text, "; and {more} more");
    }
    io::Error::new(kind, text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::{TcpListener, TcpSocket};
    use tokio::time::timeout;

    use super::*;

    fn failures(addresses: &[&str]) -> Vec<(SocketAddr, io::Error)> {
        let failed = |address: &&str| {
            (address.parse().expect("an address"), io::Error::from(io::ErrorKind::ConnectionRefused))
        };
        addresses.iter().map(failed).collect()
    }

    fn to(host: &str) -> Destination {
        Destination { host: host.into(), port: 80, secure: false }
    }

    #[test]
    fn an_error_names_the_addresses_that_were_tried() {
        let error = explained(&to("name"), failures(&["[::1]:80", "127.0.0.1:80"]));
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(error.to_string(), "[::1]:80: connection refused; 127.0.0.1:80: connection refused");
        assert_eq!(
            explained(&to("name"), failures(&["[::1]:80"])).to_string(),
            "[::1]:80: connection refused"
        );
        assert_eq!(explained(&to("::1"), failures(&["[::1]:80"])).to_string(), "connection refused");
        assert_eq!(explained(&to("name"), failures(&[])).kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_name_with_very_many_addresses_has_a_short_error() {
        let error = explained(&to("name"), failures(&["127.0.0.1:80"; 100])).to_string();
        assert!(error.ends_with("; and 92 more"), "{error}");
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        assert!(named(&[address; 100]).ends_with("127.0.0.1:80 and 92 more"));
    }

    /// Listens at a local address with a full backlog: the system drops further connection attempts.
    async fn swallowing(address: SocketAddr) -> Option<(TcpListener, Vec<TcpStream>)> {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(address).ok()?;
        let (listener, mut waiting) = (socket.listen(0).expect("it listens"), Vec::new());
        for _ in 0..16 {
            match timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
                Ok(stream) => waiting.push(stream.ok()?),
                Err(_) => return Some((listener, waiting)),
            }
        }
        None
    }

    #[tokio::test]
    async fn an_address_that_swallows_what_comes_does_not_hold_up_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let good = listener.local_addr().expect("it is bound");
        let silent = SocketAddr::from(([127, 0, 0, 2], good.port()));
        // Systems other than Linux have a single loopback address, or handle a full backlog differently.
        let Some(_full) = swallowing(silent).await else { return };
        let (stage, began) = (Stage::new(), std::time::Instant::now());
        let stream = connect_to(&to("name"), vec![silent, good], &stage).await.expect("the second answers");
        assert_eq!(stream.peer_addr().expect("it is connected"), good);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        assert_eq!(stage.get(), format!("connecting to {silent}, {good}"));
    }
}
