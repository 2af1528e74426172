//! The URL that a client connects to.

use std::net::Ipv6Addr;

use http::uri::PathAndQuery;

use crate::error::ConnectError;
use crate::error_text::redacted;

/// A parsed `ws://` or `wss://` URL (RFC 6455 §3).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The URL as it was given.
    pub(crate) url: String,
    /// Whether the scheme is `wss://`.
    pub(crate) secure: bool,
    /// The host, without the brackets of an IPv6 address but with its zone: `fe80::1%eth0`.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of the `Host` header.
    pub(crate) authority: String,
    pub(crate) path: String,
}

impl Target {
    pub(crate) fn parse(url: &str) -> Result<Self, ConnectError> {
        Self::take_apart(url).map_err(|why| ConnectError::Url { url: redacted(url), why })
    }

    fn take_apart(url: &str) -> Result<Self, String> {
        if url.trim() != url {
            return Err("it begins or ends with white space".into());
        }
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let secure = scheme.eq_ignore_ascii_case("wss");
        if secure && cfg!(not(feature = "tls")) {
            return Err("TLS (wss://) needs the feature `tls` of birpc".into());
        }
        if !secure && !scheme.eq_ignore_ascii_case("ws") {
            return Err("a URL begins with ws:// or wss://".into());
        }
        // A fragment is not sent (RFC 6455 §3).
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("it must not have a user and password; set an Authorization header".into());
        }
        let (host, given) = split_port(authority)?;
        let port = match given {
            Some(port) => port,
            None if secure => 443,
            None => 80,
        };
        let (host, shown) = check_host(host)?;
        let authority = given.map_or_else(|| shown.clone(), |port| format!("{shown}:{port}"));
        Ok(Self { url: url.to_owned(), secure, host, port, authority, path: check_path(path)? })
    }

    /// Host and port, for messages.
    pub(crate) fn address(&self) -> String {
        address(&self.host, self.port)
    }

    /// The name that the certificate must have: the host without the zone of an IPv6 address.
    #[cfg(feature = "tls")]
    pub(crate) fn name(&self) -> &str {
        self.host.split('%').next().unwrap_or_default()
    }
}

/// Host and port, for messages; an IPv6 address is in brackets.
pub(crate) fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Splits host and port. An empty port counts as none (RFC 3986 §3.2.3).
fn split_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = match authority.find(']') {
        Some(end) => authority.split_at(end + 1),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port,
        None if port.is_empty() => port,
        None => return Err("a colon must separate the brackets and the port".into()),
    };
    if host.starts_with('[') != host.ends_with(']') || port.contains(':') {
        return Err("an IPv6 address is written in brackets: ws://[::1]:80/".into());
    }
    if port.is_empty() {
        return Ok((host, None));
    }
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if digits => Ok((host, Some(port))),
        _ => Err("the port is not a number from 0 to 65535".into()),
    }
}

/// Returns the host to look up, and the host for the `Host` header. A zone has a meaning on this machine only
/// and is not sent (RFC 6874 §4).
fn check_host(host: &str) -> Result<(String, String), String> {
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let (ip, zone) = inner.split_once("%25").or_else(|| inner.split_once('%')).unwrap_or((inner, ""));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if ip.parse::<Ipv6Addr>().is_err() || !zone.bytes().all(plain) {
            return Err(format!("{inner:?} is not an IPv6 address"));
        }
        let zoned = if zone.is_empty() { ip.to_owned() } else { format!("{ip}%{zone}") };
        return Ok((zoned, format!("[{ip}]")));
    }
    if host.is_empty() {
        return Err("it has no host".into());
    }
    if !host.is_ascii() {
        return Err(format!(
            "the host {host:?} is not ASCII; write it in punycode, as browsers send it: \
             `bücher.example` is `xn--bcher-kva.example`"
        ));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
    match host.bytes().all(allowed) {
        true => Ok((host.to_owned(), host.to_owned())),
        false => Err(format!("it is not a URL: {host:?} is not a host")),
    }
}

/// Returns path and query as the request contains them.
fn check_path(path: &str) -> Result<String, String> {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let broken = path.bytes().any(|byte| byte <= b' ' || byte == 0x7f);
    if broken || PathAndQuery::try_from(&path).is_err() {
        return Err(
            "it is not a URL: the path or the query has a character that must be percent-encoded".into()
        );
    }
    Ok(path)
}

#[cfg(test)]
mod tests;
