//! Opens streams through the HTTP proxies that the environment names.

use std::net::{IpAddr, Ipv6Addr};
use std::{env, fmt, io};

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{Request, Uri};
use http_body_util::Empty;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;

use super::{Destination, tcp};
use crate::stage::Stage;
use crate::stream::Dialled;

/// The proxies of the environment; see [`crate::ClientBuilder::proxy_from_env`].
pub(crate) struct Proxies {
    matcher: Matcher,
    /// The entries of `NO_PROXY`.
    past: Vec<Past>,
    /// The error of an invalid variable.
    wrong: Option<String>,
}

/// The variables that name a proxy.
const VARIABLES: [&str; 6] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

impl Proxies {
    pub(crate) fn from_env() -> Self {
        let set = VARIABLES.into_iter().filter_map(|name| Some((name, env::var(name).ok()?)));
        let past = env::var("NO_PROXY").or_else(|_| env::var("no_proxy")).unwrap_or_default();
        Self { matcher: Matcher::from_env(), past: parse_past(&past), wrong: wrong_among(set) }
    }

    /// Opens a stream to a host, through its proxy if there is one.
    pub(crate) async fn open(&self, to: &Destination, stage: &Stage) -> io::Result<Dialled> {
        if let Some(wrong) = &self.wrong {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, wrong.clone()));
        }
        match self.of(to) {
            None => tcp::connect(to, stage).await.map(Dialled::Tcp),
            Some(proxy) => tunnel(&proxy, to, stage).await,
        }
    }

    /// The proxy for a host. `ws://` counts as `http://`, `wss://` as `https://`.
    fn of(&self, to: &Destination) -> Option<Intercept> {
        let scheme = if to.secure { "https" } else { "http" };
        // Without the zone of an IPv6 address and the trailing dot of a name, which the variables do not
        // contain.
        let host = to.host.split('%').next().unwrap_or_default();
        let host = host.strip_suffix('.').unwrap_or(host);
        if self.past.iter().any(|past| past.has(host, to.port)) {
            return None;
        }
        let bare = Destination { host: host.to_owned(), ..to.clone() };
        let uri: Uri = format!("{scheme}://{bare}/").parse().ok()?;
        self.matcher.intercept(&uri)
    }
}

/// An entry of `NO_PROXY` in a form that the matcher does not support: with a port, in brackets, with a
/// leading `*.`, `*` for IP addresses too, or separated by spaces instead of commas.
#[derive(Debug, PartialEq, Eq)]
struct Past {
    host: String,
    port: Option<u16>,
}

fn parse_past(entries: &str) -> Vec<Past> {
    let entries = entries.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
    entries.map(Past::of).collect()
}

impl Past {
    fn of(entry: &str) -> Self {
        // An IPv6 address without brackets contains colons itself.
        let is_v6 = entry.parse::<Ipv6Addr>().is_ok();
        let with_port = entry.rsplit_once(':').filter(|_| !is_v6);
        let with_port = with_port.and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = with_port.map_or((entry, None), |(host, port)| (host, Some(port)));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = host.strip_prefix("*.").or_else(|| host.strip_prefix('.')).unwrap_or(host);
        Self { host: host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase(), port }
    }

    fn has(&self, host: &str, port: u16) -> bool {
        if self.port.is_some_and(|only| only != port) {
            return false;
        }
        if self.host == "*" {
            return true;
        }
        if let (Ok(one), Ok(other)) = (self.host.parse::<IpAddr>(), host.parse::<IpAddr>()) {
            return one == other;
        }
        let host = host.to_ascii_lowercase();
        let Some(before) = host.strip_suffix(&self.host) else { return false };
        before.is_empty() || (before.ends_with('.') && host.parse::<IpAddr>().is_err())
    }
}

/// Describes the first variable that does not name a proxy of a known kind.
fn wrong_among<'a>(variables: impl IntoIterator<Item = (&'a str, String)>) -> Option<String> {
    variables.into_iter().filter(|(_, value)| !value.is_empty()).find_map(|(name, value)| {
        let known = value.parse::<Uri>().is_ok_and(|uri| {
            uri.authority().is_some() && matches!(uri.scheme_str(), None | Some("http" | "https"))
        });
        let socks = value.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("socks"));
        // SOCKS proxies are reported when one would be used.
        let told = || {
            format!("{name} is not a proxy's URL: write http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT")
        };
        (!known && !socks).then(told)
    })
}

/// Makes a proxy connect to a host (RFC 9110 §9.3.6).
async fn tunnel(proxy: &Intercept, to: &Destination, stage: &Stage) -> io::Result<Dialled> {
    let (at, secure) = address(proxy.uri())?;
    if secure {
        return Err(failed(
            &at,
            "TLS to a proxy (https://) is not supported; use http://, or `ClientBuilder::dial`",
        ));
    }
    let stream = tcp::connect(&at, stage).await.map_err(|error| failed(&at, error))?;
    stage.set(format!("waiting for the proxy {at} to connect to {to}"));
    let mut request =
        Request::connect(to.to_string()).body(Empty::<Bytes>::new()).map_err(|error| failed(&at, error))?;
    let host = to.to_string().parse().map_err(|error| failed(&at, error))?;
    request.headers_mut().insert(HOST, host);
    if let Some(credentials) = proxy.basic_auth() {
        request.headers_mut().insert(PROXY_AUTHORIZATION, credentials.clone());
    }
    let io = TokioIo::new(stream);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(io).await.map_err(|error| failed(&at, error))?;
    // This task ends with the upgrade, or with the stream when this future is dropped.
    tokio::spawn(connection.with_upgrades());
    let response = sender.send_request(request).await.map_err(|error| failed(&at, error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(failed(&at, format_args!("it answered CONNECT {to} with HTTP {status}")));
    }
    let tunnel = hyper::upgrade::on(response).await.map_err(|error| failed(&at, error))?;
    Ok(Dialled::Other(Box::pin(TokioIo::new(tunnel))))
}

/// The address of a proxy, and whether it expects TLS.
fn address(uri: &Uri) -> io::Result<(Destination, bool)> {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let (port, secure) = match uri.scheme_str() {
        Some("http") => (80, false),
        Some("https") => (443, true),
        scheme => {
            let text = format!(
                "the proxy {host} speaks {}, which is not supported; dial through it with a library of \
                 your own and `ClientBuilder::dial`",
                scheme.unwrap_or_default()
            );
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
    };
    Ok((Destination { host, port: uri.port_u16().unwrap_or(port), secure: false }, secure))
}

fn failed(proxy: &Destination, why: impl fmt::Display) -> io::Error {
    io::Error::other(format!("through the proxy {proxy}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(host: &str, secure: bool) -> Destination {
        Destination { host: host.into(), port: 80, secure }
    }

    #[test]
    fn the_scheme_and_no_proxy_decide() {
        let matcher = Matcher::builder()
            .http("http://plain:3128")
            .https("http://user:pa%20ss@secure")
            .no("internal.example, 10.0.0.0/8, ::1")
            .build();
        let proxies = Proxies { matcher, past: Vec::new(), wrong: None };
        let named = |host, secure| {
            proxies.of(&to(host, secure)).map(|proxy| address(proxy.uri()).expect("HTTP").0.to_string())
        };
        assert_eq!(named("far.example", false).as_deref(), Some("plain:3128"));
        assert_eq!(named("far.example", true).as_deref(), Some("secure:80"));
        assert_eq!(named("2001:db8::1", false).as_deref(), Some("plain:3128"));
        for near in ["internal.example", "a.internal.example", "10.1.2.3", "::1"] {
            assert_eq!(named(near, false), None, "{near}");
        }
        let proxy = proxies.of(&to("far.example", true)).expect("a proxy");
        assert_eq!(proxy.basic_auth().expect("credentials"), "Basic dXNlcjpwYSBzcw==");
    }

    #[test]
    fn no_proxy_is_written_in_many_ways() {
        for (entries, host, port, is_past) in [
            ("*", "10.1.2.3", 80, true),
            ("a.example, *", "::1", 80, true),
            ("*.near.example", "a.near.example", 80, true),
            (".near.example", "near.example", 80, true),
            ("near.example", "NEAR.example", 80, true),
            ("near.example.", "near.example", 80, true),
            ("near.example", "notnear.example", 80, false),
            ("near.example", "near.example.far", 80, false),
            ("near.example:81", "near.example", 81, true),
            ("near.example:81", "near.example", 80, false),
            ("[::1]", "::1", 80, true),
            ("[::1]:81", "::1", 81, true),
            ("[::1]:81", "::1", 80, false),
            ("0:0:0:0:0:0:0:1", "::1", 80, true),
            ("a.example near.example", "near.example", 80, true),
            ("1.2.3", "9.1.2.3", 80, false),
            (" , ,", "near.example", 80, false),
        ] {
            let past = parse_past(entries);
            assert_eq!(past.iter().any(|past| past.has(host, port)), is_past, "{entries}: {host}:{port}");
        }
        let proxies = Proxies {
            matcher: Matcher::builder().http("http://plain:3128").build(),
            past: parse_past("near.example"),
            wrong: None,
        };
        assert!(proxies.of(&to("near.example.", false)).is_none());
        assert!(proxies.of(&to("far.example", false)).is_some());
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let wrong = |value: &str| wrong_among([("HTTP_PROXY", value.to_owned())]);
        for fine in ["", "proxy:3128", "http://me:secret@proxy", "https://proxy", "socks5://proxy:1080"] {
            assert_eq!(wrong(fine), None, "{fine}");
        }
        for bad in ["http://", "ftp://secret@proxy", "http://pro xy"] {
            let told = wrong(bad).expect(bad);
            assert!(
                told.starts_with("HTTP_PROXY is not a proxy's URL") && !told.contains("secret"),
                "{told}"
            );
        }
        let socks = address(&"socks5://proxy:1080".parse().expect("a URI")).expect_err("SOCKS").to_string();
        assert!(socks.contains("socks5") && socks.contains("ClientBuilder::dial"), "{socks}");
    }
}
