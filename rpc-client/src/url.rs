//! Where to connect to.

use http::Uri;

use crate::error::ConnectError;

/// A `ws://` or `wss://` URL taken apart (RFC 6455 §3).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// As it was given.
    pub(crate) url: String,
    /// Whether it is `wss://`.
    pub(crate) secure: bool,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// For the `Host` header.
    pub(crate) authority: String,
    pub(crate) path: String,
}

impl Target {
    pub(crate) fn parse(url: &str) -> Result<Self, ConnectError> {
        let refuse = |why: &str| ConnectError::Url { url: url.to_owned(), why: why.to_owned() };
        let uri: Uri = url.parse().map_err(|error| refuse(&format!("it is no URL: {error}")))?;
        let secure = match uri.scheme_str() {
            Some("ws") => false,
            Some("wss") if cfg!(feature = "tls") => true,
            Some("wss") => return Err(refuse("TLS (wss://) needs the feature `tls` of birpc")),
            _ => return Err(refuse("a URL begins with ws:// or wss://")),
        };
        let authority = uri.authority().ok_or_else(|| refuse("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("user and password do not belong in it; set an Authorization header"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(refuse("it names no host"));
        }
        let port = match authority.as_str().rsplit_once(':') {
            Some((_, port)) if !port.ends_with(']') => {
                port.parse().map_err(|_| refuse("the port is no number from 0 to 65535"))?
            }
            _ if secure => 443,
            _ => 80,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { url: url.to_owned(), secure, host, port, authority: authority.to_string(), path })
    }

    /// Host and port, for people.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let target = Target::parse("ws://[::1]:9944/rpc?key=1").expect("a URL");
        assert_eq!((target.host.as_str(), target.port), ("::1", 9944));
        assert_eq!((target.authority.as_str(), target.path.as_str()), ("[::1]:9944", "/rpc?key=1"));
        let target = Target::parse("ws://localhost").expect("a URL");
        assert_eq!((target.port, target.path.as_str()), (80, "/"));
    }

    #[test]
    #[cfg(feature = "tls")]
    fn wss_has_a_port_of_its_own() {
        let target = Target::parse("wss://localhost").expect("a URL");
        assert_eq!((target.secure, target.port), (true, 443));
        assert_eq!(Target::parse("wss://[::1]:9944").expect("a URL").port, 9944);
    }

    #[test]
    #[cfg(not(feature = "tls"))]
    fn wss_names_the_feature_that_is_missing() {
        let error = Target::parse("wss://localhost").expect_err("no TLS").to_string();
        assert!(error.contains("feature `tls`"), "{error}");
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said() {
        for (url, why) in [
            ("http://localhost", "begins with ws://"),
            ("localhost:80", "begins with ws://"),
            ("ws://me:secret@host/", "Authorization"),
            ("ws:// x", "it is no URL"),
            ("ws://localhost:99944/", "port"),
        ] {
            let error = Target::parse(url).expect_err(url).to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
