//! Decides which web pages may connect (RFC 6455 §10.2). A browser sends the user's cookies whichever page
//! opens the WebSocket, so foreign pages must be refused.

use http::Uri;

/// The `Origin`s that may connect. A request without an `Origin` does not come from a browser and is always
/// allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origins {
    /// Pages whose host and port are those of the request's `Host`. The default. If clients use TLS, the page
    /// must have been loaded over TLS too. Clients use TLS with `ServerBuilder::tls`, with
    /// [`crate::ServerBuilder::behind_tls`], and if a proxy says so in `X-Forwarded-Proto` or `Forwarded`.
    SameHost,
    /// These origins, such as `https://app.example.com`, and pages of the same host.
    Listed(Vec<String>),
    /// All pages. Only for servers that a foreign page cannot harm.
    Any,
}

impl Origins {
    /// Whether an origin may connect. `secure`: the client used TLS.
    pub(super) fn allow(&self, origin: &str, host: &str, secure: bool) -> bool {
        match self {
            Self::Any => true,
            Self::SameHost => is_same_host(origin, host, secure),
            Self::Listed(origins) => {
                origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
                    || is_same_host(origin, host, secure)
            }
        }
    }
}

/// Compares `http://host:port` with the `Host` header. Either side may omit the scheme's default port. If
/// clients use TLS, a page that was loaded without TLS is refused, since anyone on the path may have modified
/// it.
fn is_same_host(origin: &str, host: &str, secure: bool) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else { return false };
    let (Some(scheme), Some(authority)) = (origin.scheme_str(), origin.authority()) else { return false };
    let Ok(host) = host.parse::<http::uri::Authority>() else { return false };
    let default = match scheme {
        "http" if !secure => 80,
        "https" => 443,
        _ => return false,
    };
    let same_port = authority.port_u16().unwrap_or(default) == host.port_u16().unwrap_or(default);
    authority.host().eq_ignore_ascii_case(host.host()) && same_port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_host_passes() {
        for (origin, host) in [
            ("http://localhost:9944", "localhost:9944"),
            ("https://Example.com", "example.com"),
            ("https://example.com", "example.com:443"),
            ("http://example.com:80", "example.com"),
            ("http://[::1]:9944", "[::1]:9944"),
        ] {
            assert!(Origins::SameHost.allow(origin, host, false), "{origin} {host}");
        }
        assert!(Origins::SameHost.allow("https://example.com", "example.com", true));
        assert!(!Origins::SameHost.allow("http://example.com", "example.com", true));
    }

    #[test]
    fn others_do_not() {
        for (origin, host) in [
            ("http://evil.example", "localhost:9944"),
            ("http://localhost:1", "localhost:9944"),
            ("http://localhost", "localhost:9944"),
            ("https://example.com.evil.example", "example.com"),
            ("http://example.com", "example.com:443"),
            ("null", "localhost:9944"),
            ("file://", "localhost:9944"),
            ("", ""),
        ] {
            assert!(!Origins::SameHost.allow(origin, host, false), "{origin} {host}");
        }
        let listed = Origins::Listed(vec!["https://app.example".into()]);
        assert!(listed.allow("https://app.example", "api.example", true));
        assert!(!listed.allow("http://app.example", "api.example", false));
        assert!(Origins::Any.allow("null", "api.example", true));
    }
}
