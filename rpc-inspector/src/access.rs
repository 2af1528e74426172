//! Decides which requests are served.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use birpc_server::{Handshake, Refusal};
use futures_util::FutureExt;
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;

use crate::token::Token;

/// The time limit of the application's function.
const AUTHORIZE_TIMEOUT: Duration = Duration::from_secs(10);

type Allowed = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;
pub(crate) type Authorize = Arc<dyn Fn(Handshake) -> Allowed + Send + Sync>;

/// Who may see the page. The same rules hold for the page and for its WebSocket.
#[derive(Clone)]
pub(crate) struct Access {
    key: Key,
    hosts: Hosts,
}

#[derive(Clone)]
pub(crate) enum Key {
    /// Whoever knows the token in the address.
    Token(Token),
    /// The application decides.
    Authorize(Authorize),
}

/// Which `Host`s are served. A page with a host name of its own could otherwise reach a loopback address (DNS
/// rebinding).
#[derive(Clone, Debug)]
pub(crate) enum Hosts {
    /// Names of this machine.
    Loopback,
    Listed(Vec<String>),
    Any,
}

impl Access {
    pub(crate) fn new(key: Key, hosts: Hosts) -> Self {
        Self { key, hosts }
    }

    /// Checks a request.
    pub(crate) async fn check(&self, parts: &Parts, remote: SocketAddr) -> Result<(), Refusal> {
        if !self.hosts.allow(host(parts).unwrap_or_default()) {
            return Err(Refusal::forbidden("this Host is not served"));
        }
        match &self.key {
            Key::Token(token) if query(parts, "token").is_some_and(|given| token.is(given)) => Ok(()),
            Key::Token(_) => Err(Refusal::forbidden(
                "the token is missing or wrong: use the address that the server printed when it started",
            )),
            Key::Authorize(authorize) => {
                let handshake = Handshake::of_parts(parts.clone(), Some(remote));
                let decided = AssertUnwindSafe(async { authorize(handshake).await }).catch_unwind();
                match tokio::time::timeout(AUTHORIZE_TIMEOUT, decided).await {
                    Ok(Ok(decided)) => decided,
                    Ok(Err(_panic)) => {
                        tracing::error!("the inspector's hook authorize panicked; the request is refused");
                        Err(Refusal::new(500, "the server failed to authorize this request"))
                    }
                    Err(_) => Err(Refusal::new(503, "authorization took too long; try again later")),
                }
            }
        }
    }
}

/// The one `Host` of a request.
fn host(parts: &Parts) -> Option<&str> {
    let mut hosts = parts.headers.get_all(HOST).into_iter();
    let host = hosts.next()?.to_str().ok();
    host.filter(|_| hosts.next().is_none())
}

/// A parameter of the query.
fn query<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let pairs = parts.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
}

impl Hosts {
    fn allow(&self, host: &str) -> bool {
        let Ok(host) = host.parse::<Authority>() else { return false };
        if host.as_str().contains('@') {
            return false;
        }
        match self {
            Self::Any => true,
            Self::Loopback => is_this_machine(host.host()),
            Self::Listed(listed) => listed.iter().any(|listed| is_same(listed, &host)),
        }
    }
}

/// Whether a name or an address always means this machine (RFC 6761 §6.3).
fn is_this_machine(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(&name);
    match address.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

/// Compares names, ignoring case. Ports are compared only if both have one.
fn is_same(listed: &str, host: &Authority) -> bool {
    let Ok(listed) = listed.parse::<Authority>() else { return false };
    let same_port = listed.port_u16().zip(host.port_u16()).is_none_or(|(a, b)| a == b);
    listed.host().eq_ignore_ascii_case(host.host()) && same_port
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = match self.key {
            Key::Token(_) => "token",
            Key::Authorize(_) => "authorize",
        };
        f.debug_struct("Access").field("key", &key).field("hosts", &self.hosts).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_reach_a_loopback_address() {
        for host in "localhost localhost:1 LOCALHOST. a.localhost:80 127.0.0.1:9 127.9.9.9 [::1] [::1]:9 \
                     [::ffff:127.0.0.1]"
            .split_whitespace()
        {
            assert!(Hosts::Loopback.allow(host), "{host}");
        }
        for host in "evil.example localhost.evil.example 127.0.0.1.evil.example 10.0.0.1 0.0.0.0 [::] 127.1 \
                     user@localhost localhost@evil.example a/b"
            .split_whitespace()
            .chain([""])
        {
            assert!(!Hosts::Loopback.allow(host), "{host}");
        }
        let listed = Hosts::Listed(vec!["ops.example:8443".into()]);
        assert!(listed.allow("OPS.example") && listed.allow("ops.example:8443"));
        assert!(!listed.allow("ops.example:1") && !listed.allow("localhost") && !listed.allow(""));
        assert!(Hosts::Any.allow("any.example") && !Hosts::Any.allow(""));
    }

    #[test]
    fn a_token_is_found_only_under_its_name() {
        let parts = |uri: &str| http::Request::get(uri).body(()).expect("a request").into_parts().0;
        assert_eq!(query(&parts("/?token=abc"), "token"), Some("abc"));
        assert_eq!(query(&parts("/?x=1&token=abc&y"), "token"), Some("abc"));
        for uri in ["/", "/?", "/?token", "/?Token=abc", "/?xtoken=abc", "/token=abc"] {
            assert_eq!(query(&parts(uri), "token"), None, "{uri}");
        }
    }
}
