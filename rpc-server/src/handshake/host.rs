//! Decides which `Host`s are served (RFC 9110 §7.2). The owner of a foreign page can let its host name point
//! to this machine (DNS rebinding). Then the page's `Origin` and the request's `Host` are the same, and only
//! the name shows that the page is foreign.

use std::net::IpAddr;

use http::uri::Authority;

/// The `Host`s that are served.
#[derive(Clone, Debug)]
pub(crate) enum Hosts {
    /// The application has set nothing: a connection to a loopback address must name this machine; any other
    /// connection may name any host.
    Unset,
    Listed(Vec<String>),
    Any,
}

/// The address at which a connection arrived, if at a listener of this server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local {
    /// The address that the client connected to.
    pub(crate) address: IpAddr,
    /// The address that the listener is bound to, which may stand for all interfaces.
    pub(crate) bound: IpAddr,
}

impl Hosts {
    /// The first listed host.
    pub(crate) fn first(&self) -> Option<&str> {
        match self {
            Self::Listed(hosts) => hosts.first().map(String::as_str),
            Self::Unset | Self::Any => None,
        }
    }

    /// Whether a host is served. `local` is `None` in a mounted acceptor.
    pub(super) fn allow(&self, host: &str, local: Option<Local>) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(hosts) => hosts.iter().any(|listed| is_same(listed, host)),
            Self::Unset => local.is_none_or(|local| !is_loopback(local.address) || local.is_named_by(host)),
        }
    }
}

impl Local {
    fn is_named_by(self, host: &str) -> bool {
        let Some(host) = parse(host) else { return false };
        let name = without_root(host.host());
        match name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) => is_loopback(address) || (self.bound.is_unspecified() && address == self.bound),
            Err(_) => {
                let name = name.to_ascii_lowercase();
                name == "localhost" || name.ends_with(".localhost") // RFC 6761 §6.3
            }
        }
    }
}

/// 127.0.0.0/8 and ::1, including the IPv6 form of the former.
fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// A name without the trailing dot of the DNS root.
fn without_root(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// Compares names, ignoring case. Ports are compared only if both have one, since proxies omit it.
fn is_same(listed: &str, host: &str) -> bool {
    let (Some(listed), Some(host)) = (parse(listed), parse(host)) else {
        return listed.eq_ignore_ascii_case(host);
    };
    let same_port = match (listed.port_u16(), host.port_u16()) {
        (Some(listed), Some(host)) => listed == host,
        _ => true,
    };
    without_root(listed.host()).eq_ignore_ascii_case(without_root(host.host())) && same_port
}

/// Parses a `Host`, which must not contain a user.
fn parse(host: &str) -> Option<Authority> {
    host.parse::<Authority>().ok().filter(|host| !host.as_str().contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(address: &str, bound: &str) -> Option<Local> {
        let ip = |text: &str| text.parse().expect("an address");
        Some(Local { address: ip(address), bound: ip(bound) })
    }

    #[test]
    fn a_loopback_address_serves_the_names_of_this_machine() {
        let names = "localhost localhost:1 LOCALHOST:9944 localhost. app.localhost a.b.localhost:80 \
                     127.0.0.1:9944 127.0.0.1 127.9.8.7:1 [::1] [::1]:9944 [0:0:0:0:0:0:0:1] \
                     [::ffff:127.0.0.1]:80";
        for address in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
            for name in names.split_whitespace() {
                assert!(Hosts::Unset.allow(name, local(address, address)), "{name}");
            }
        }
    }

    #[test]
    fn a_loopback_address_serves_no_others() {
        let names = "evil.example evil.example:9944 localhost.evil.example notlocalhost \
                     127.0.0.1.evil.example 128.0.0.1 10.0.0.1:9944 0.0.0.0:9944 [::]:9944 [::2] [fe80::1] \
                     localhost@evil.example evil.example@localhost 127.1 2130706433 localhost:9944:1 \
                     [localhost] localhost.. a/b";
        for name in names.split_whitespace().chain([""]) {
            assert!(!Hosts::Unset.allow(name, local("127.0.0.1", "127.0.0.1")), "{name}");
        }
    }

    #[test]
    fn other_addresses_and_mounted_acceptors_serve_every_name() {
        for at in [local("192.0.2.1", "0.0.0.0"), local("2001:db8::1", "::"), None] {
            assert!(Hosts::Unset.allow("anything.example:81", at));
        }
        // A listener on all interfaces is also reachable by the loopback address, which foreign pages can
        // use.
        assert!(Hosts::Unset.allow("0.0.0.0:9944", local("127.0.0.1", "0.0.0.0")));
        assert!(!Hosts::Unset.allow("evil.example", local("127.0.0.1", "0.0.0.0")));
        assert!(Hosts::Any.allow("evil.example", local("127.0.0.1", "127.0.0.1")));
    }

    #[test]
    fn a_listed_host_matches_with_and_without_its_port() {
        let listed = Hosts::Listed(["app.example:8443", "api.example", "[::1]:1"].map(String::from).to_vec());
        for host in
            "App.Example:8443 app.example app.example. api.example API.example:9944 [::1] [::1]:1".split(' ')
        {
            assert!(listed.allow(host, None), "{host}");
        }
        for host in ["app.example:1", "evil.example", "app.example.evil", "localhost", "x@app.example", ""] {
            assert!(!listed.allow(host, local("127.0.0.1", "127.0.0.1")), "{host}");
        }
    }
}
