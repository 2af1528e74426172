//! Connects to one of several addresses of a name, so that an address that does not answer delays no other
//! (RFC 8305).

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

/// The time after which the next address is tried in parallel (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Alternates between the address families, in the system's order otherwise, and removes duplicates (RFC 8305
/// §4).
pub(super) fn interleave(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut found: Vec<SocketAddr> = Vec::new();
    for address in addresses {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    let first_family = found.first().is_some_and(SocketAddr::is_ipv6);
    let (one, other): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| address.is_ipv6() == first_family);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut mixed = Vec::new();
    loop {
        let pair = [one.next(), other.next()];
        if pair == [None, None] {
            return mixed;
        }
        mixed.extend(pair.into_iter().flatten());
    }
}

/// Returns the first connection that succeeds and drops the others. An address is tried when the previous one
/// has failed, or [`ATTEMPT_DELAY`] after it.
///
/// # Errors
/// If all addresses failed, the error of each.
pub(super) async fn race<S, F>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<S, Vec<(SocketAddr, io::Error)>>
where
    F: Future<Output = io::Result<S>>,
{
    let mut waiting = addresses.into_iter();
    let (mut racing, mut failed) = (FuturesUnordered::new(), Vec::new());
    loop {
        if let Some(address) = waiting.next() {
            let connecting = connect(address);
            racing.push(async move { (address, connecting.await) });
        }
        let next = async {
            if waiting.len() == 0 {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(ATTEMPT_DELAY).await;
        };
        tokio::select! {
            ended = racing.next() => match ended {
                Some((_, Ok(stream))) => return Ok(stream),
                Some((address, Err(error))) => failed.push((address, error)),
                None => return Err(failed),
            },
            () = next => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::{Instant, sleep};

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| address(text)).collect()
    }

    #[test]
    fn families_take_turns() {
        let system = [
            "[2001:db8::1]:1",
            "[2001:db8::2]:1",
            "[2001:db8::2]:1",
            "192.0.2.1:1",
            "192.0.2.2:1",
            "192.0.2.3:1",
        ];
        let mixed = ["[2001:db8::1]:1", "192.0.2.1:1", "[2001:db8::2]:1", "192.0.2.2:1", "192.0.2.3:1"];
        assert_eq!(interleave(addresses(&system)), addresses(&mixed));
        assert_eq!(
            interleave(addresses(&["192.0.2.1:1", "[::1]:1"])),
            addresses(&["192.0.2.1:1", "[::1]:1"])
        );
        assert!(interleave([]).is_empty());
    }

    /// The behaviour of each address: it fails or connects after some milliseconds, or never answers.
    type Network<'a> = &'a [(&'a str, Option<(u64, bool)>)];

    /// When each address was tried, which one connected, and when, in milliseconds.
    async fn race_in(network: Network<'_>) -> (Vec<u128>, Result<usize, usize>, u128) {
        let (began, times) = (Instant::now(), Mutex::new(Vec::new()));
        let outcome = race(addresses(&network.iter().map(|(text, _)| *text).collect::<Vec<_>>()), |tried| {
            times.lock().expect("nothing panics").push(began.elapsed().as_millis());
            let at = network.iter().position(|(text, _)| address(text) == tried).expect("it is there");
            async move {
                let Some((after, connects)) = network[at].1 else { return std::future::pending().await };
                sleep(Duration::from_millis(after)).await;
                if connects { Ok(at) } else { Err(io::ErrorKind::ConnectionRefused.into()) }
            }
        });
        let outcome = outcome.await.map_err(|failed| failed.len());
        (times.into_inner().expect("nothing panics"), outcome, began.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_never_answers_holds_up_none_of_the_others() {
        let network: Network = &[("[::1]:1", None), ("127.0.0.1:1", None), ("[::2]:1", Some((20, true)))];
        assert_eq!(race_in(network).await, (vec![0, 250, 500], Ok(2), 520));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_the_next_is_tried_at_once() {
        let network: Network = &[("[::1]:1", Some((10, false))), ("127.0.0.1:1", Some((5, true)))];
        assert_eq!(race_in(network).await, (vec![0, 10], Ok(1), 15));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_address_goes_on_beside_the_next() {
        let network: Network = &[("[::1]:1", Some((400, true))), ("127.0.0.1:1", None)];
        assert_eq!(race_in(network).await, (vec![0, 250], Ok(0), 400));
        let network: Network =
            &[("[::1]:1", Some((300, false))), ("127.0.0.1:1", None), ("127.0.0.2:1", Some((1, true)))];
        assert_eq!(race_in(network).await, (vec![0, 250, 300], Ok(2), 301));
    }

    #[tokio::test(start_paused = true)]
    async fn all_failures_are_told() {
        let network: Network = &[("[::1]:1", Some((1, false))), ("127.0.0.1:1", Some((2, false)))];
        assert_eq!(race_in(network).await, (vec![0, 1], Err(2), 3));
        assert_eq!(race_in(&[]).await.1, Err(0));
    }
}
