//! The parts of an opening handshake that server and client share: its outcome, and the checks of names.

use std::fmt;
use std::net::SocketAddr;

use tracing::field::{DisplayValue, display};

/// Facts about a connection from its opening handshake.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The peer's address, if it has one.
    pub remote_addr: Option<SocketAddr>,
    /// The agreed subprotocol (RFC 6455 §1.9).
    pub subprotocol: Option<String>,
    /// The URL that a client connected to. `Debug` omits user, password and query, which may be secret.
    pub url: Option<String>,
    /// The `Origin` of the page that connected, if the peer is a browser (RFC 6455 §10.2).
    pub origin: Option<String>,
}

impl ConnectionInfo {
    /// Sets the agreed subprotocol. Under `birpc.v1` a connection speaks [`crate::Dialect::birpc`].
    #[must_use]
    pub fn with_subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocol = Some(name.into());
        self
    }

    /// Sets the peer's address.
    #[must_use]
    pub fn with_remote_addr(mut self, address: SocketAddr) -> Self {
        self.remote_addr = Some(address);
        self
    }
}

impl ConnectionInfo {
    /// The peer's address, as a log field.
    pub(crate) fn remote_addr_field(&self) -> Option<DisplayValue<SocketAddr>> {
        self.remote_addr.map(display)
    }

    /// Whether the peers agreed on `birpc.v1`, so that messages have the meanings of that protocol.
    pub(crate) fn speaks_birpc(&self) -> bool {
        self.subprotocol.as_deref() == Some("birpc.v1")
    }
}

impl fmt::Debug for ConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionInfo")
            .field("remote_addr", &self.remote_addr)
            .field("subprotocol", &self.subprotocol)
            .field("url", &self.url.as_deref().map(without_secrets))
            .field("origin", &self.origin)
            .finish()
    }
}

/// Returns a URL without user, password, query and fragment, which often contain tokens.
#[must_use]
pub fn without_secrets(url: &str) -> String {
    let (url, query) = match url.find(['?', '#']) {
        Some(at) => (&url[..at], &url[at..=at]),
        None => (url, ""),
    };
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let user = if host.len() < authority.len() { "…@" } else { "" };
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    let query = if query.is_empty() { String::new() } else { format!("{query}…") };
    format!("{scheme}{user}{host}{path}{query}")
}

/// Whether the text is an HTTP token (RFC 9110 §5.6.2).
#[must_use]
pub fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

/// Checks a list of subprotocols to offer or to accept: each must be a token (RFC 6455 §4.1).
///
/// # Errors
/// A text that names the invalid one and says what to do.
pub fn check_subprotocols(names: &[String]) -> Result<(), String> {
    match names.iter().find(|name| !is_token(name)) {
        None => Ok(()),
        Some(list) if list.contains(',') && list.split(',').all(|name| is_token(name.trim())) => {
            Err(format!("{list:?} is no subprotocol; give each name as an item of its own"))
        }
        Some(name) => Err(format!(
            "{name:?} is no subprotocol: a name consists of ASCII letters, digits and !#$%&'*+-.^_`|~"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_in_a_url_is_not_shown() {
        let cases = [
            ("wss://ann:hunter2@host:1/a/b?token=abc#x", "wss://…@host:1/a/b?…"),
            ("ws://host/a?t", "ws://host/a?…"),
            ("ws://host/a@b#secret", "ws://host/a@b#…"),
            ("ws://a@b@host", "ws://…@host"),
            ("ws://[::1]:80/", "ws://[::1]:80/"),
        ];
        for (url, shown) in cases {
            assert_eq!(without_secrets(url), shown);
        }
        let url = Some("ws://host/?token=hunter2".into());
        let info = ConnectionInfo { url, ..ConnectionInfo::default() };
        assert!(!format!("{info:?}").contains("hunter2"));
    }

    #[test]
    fn tokens_are_told_from_what_is_none() {
        assert!(["birpc.v1", "graphql-transport-ws", "x!#$%&'*+-.^_`|~9"].into_iter().all(is_token));
        assert!(!["", "a b", "a,b", "a\n", "a/b", "é", "a\"", "(a)", "a:b"].into_iter().any(is_token));
    }

    #[test]
    fn a_bad_name_is_told() {
        let check =
            |names: &[&str]| check_subprotocols(&names.iter().map(|name| (*name).into()).collect::<Vec<_>>());
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&["jsonrpc", "birpc.v1"]), Ok(()));
        let told = |names: &[&str]| check(names).expect_err("a bad name");
        assert!(told(&["jsonrpc", "a,b"]).starts_with("\"a,b\" is no subprotocol; give each"));
        assert!(told(&["bad\nname"]).starts_with("\"bad\\nname\" is no subprotocol: a name"));
        assert!(told(&[""]).starts_with("\"\" is no"));
    }
}
