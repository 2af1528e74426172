//! Which web pages may connect (RFC 6455 §10.2). A browser sends cookies along whatever page opens the
//! WebSocket, so a page of somebody else's must not pass.

use http::Uri;

/// Which `Origin`s may connect. A request without one does not come from a browser and always passes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origins {
    /// Pages of the same host and port as the request's `Host`. The default. Where clients come over TLS, the
    /// page must have come over TLS too: with `ServerBuilder::tls`, with
    /// [`crate::ServerBuilder::behind_tls`], and where a proxy says so by `X-Forwarded-Proto` or `Forwarded`.
    SameHost,
    /// These, such as `https://app.example.com`, and pages of the same host.
    Listed(Vec<String>),
    /// All. Only for servers to which a stranger's page may do no harm.
    Any,
}

impl Origins {
    /// `secure`: the client came over TLS.
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

/// `http://host:port` against the `Host` header. A port that is the scheme's own may be left out on
/// either side. A page that came without TLS may be anybody's, and does not pass where TLS is spoken.
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
