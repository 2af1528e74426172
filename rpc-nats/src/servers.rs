//! The NATS servers to connect to.

use async_nats::ServerAddr;
use birpc_core::__private::crates::jitter;
use std::time::Duration;

use crate::error::ConnectError;

/// Maximum number of servers that other servers told of.
const MAX_TOLD: usize = 64;

/// Who a node is, according to a URL or the builder.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum User {
    Password { user: String, password: String },
    Token(String),
}

/// A server.
#[derive(Clone)]
pub(crate) struct Server {
    /// Without user and password.
    pub(crate) address: ServerAddr,
    /// The user in its URL.
    pub(crate) user: Option<User>,
}

impl Server {
    /// Host and port, for messages.
    pub(crate) fn name(&self) -> String {
        let (host, port) = (self.address.host(), self.address.port());
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    fn parse(url: &str) -> Result<Self, ConnectError> {
        // What is before an `@` is not shown.
        let shown = url.rsplit('@').next().unwrap_or_default();
        let failed = |why: String| ConnectError::Url { url: shown.to_owned(), why };
        let address: ServerAddr = url.parse().map_err(|error: std::io::Error| failed(error.to_string()))?;
        if !matches!(address.scheme(), "nats" | "tls") {
            return Err(failed("it begins with nats:// or tls://".into()));
        }
        if address.host().is_empty() {
            return Err(failed("it has no host".into()));
        }
        let user = address.username().map(|user| match address.password() {
            Some(password) => User::Password { user: decoded(user), password: decoded(password) },
            None => User::Token(decoded(user)),
        });
        let mut url = address.into_inner();
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(failed("there is something after the port".into()));
        }
        // Both fail only for URLs without a host.
        let _ = (url.set_username(""), url.set_password(None));
        let address = ServerAddr::from_url(url).map_err(|error| failed(error.to_string()))?;
        Ok(Self { address, user })
    }
}

/// The servers of the builder's URLs, and those that a server told of.
#[derive(Clone)]
pub(crate) struct Servers {
    given: Vec<Server>,
    told: Vec<Server>,
}

impl Servers {
    /// Parses URLs, which may be lists with commas.
    pub(crate) fn parse(urls: &[String]) -> Result<Self, ConnectError> {
        let urls = urls.iter().flat_map(|urls| urls.split(',')).map(str::trim);
        Ok(Self { given: urls.map(Server::parse).collect::<Result<_, _>>()?, told: Vec::new() })
    }

    /// Takes over which servers the NATS cluster has, as a server of it tells: hosts and ports. They are
    /// reached as that server was.
    pub(crate) fn note_told(&mut self, by: &Server, addresses: &[String]) {
        let told = addresses.iter().take(MAX_TOLD).filter_map(|address| {
            let server = Server::parse(&format!("{}://{address}", by.address.scheme())).ok()?;
            Some(Server { user: by.user.clone(), ..server })
        });
        let is_given = |told: &Server| self.given.iter().any(|given| given.address == told.address);
        self.told = told.filter(|told| !is_given(told)).collect();
    }

    /// All of them, in random order: the nodes that one server has lost do not all go to the same next one.
    pub(crate) fn shuffled(&self) -> Vec<Server> {
        let mut servers: Vec<Server> = self.given.iter().chain(&self.told).cloned().collect();
        for last in (1..servers.len()).rev() {
            let nanos = jitter(Duration::from_secs(1)).as_nanos();
            let other = usize::try_from(nanos).unwrap_or_default() % (last + 1);
            servers.swap(last, other);
        }
        servers
    }
}

/// Decodes the percent-encoding of a URL (RFC 3986 §2.1).
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let hex = text.get(at + 1..at + 3).filter(|_| byte == b'%');
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(urls: &str) -> Result<Vec<Server>, ConnectError> {
        Servers::parse(&[urls.to_owned()]).map(|servers| servers.given)
    }

    #[test]
    fn urls_have_defaults_and_users() {
        let servers =
            parse("nats://a, b:1,tls://[::1]:2/ , ada:a%20%C3%A4%@c,nats://to%25ken@d:5").expect("URLs");
        let names: Vec<String> = servers.iter().map(Server::name).collect();
        assert_eq!(names, ["a:4222", "b:1", "[::1]:2", "c:4222", "d:5"]);
        assert!(servers[2].address.tls_required());
        assert!(servers[..3].iter().all(|server| server.user.is_none()));
        let password =
            |user: &str, password: &str| User::Password { user: user.into(), password: password.into() };
        assert!(servers[3].user == Some(password("ada", "a ä%")));
        assert!(servers[4].user == Some(User::Token("to%ken".into())));
        assert!(!format!("{:?}", servers[4].address).contains("ken"));
    }

    #[test]
    fn what_is_no_url_is_refused_without_its_password() {
        for bad in [
            "",
            "nats://",
            "http://a",
            "ws://a",
            "nats://a:b",
            "nats://a:99999",
            "nats://a/b",
            "nats://a?b",
            "a b",
            "nats://ada:secret@",
            "nats://ada:secret@a:x",
            "secret@http://a",
            "nats://a,",
            "nats://ada:secret@a/b",
        ] {
            let error = parse(bad).err().unwrap_or_else(|| panic!("{bad} is taken"));
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }

    #[test]
    fn servers_that_are_told_of_are_bounded_and_reached_like_the_one_that_told() {
        let mut servers = Servers::parse(&["tls://token@a".into()]).expect("a URL");
        let by = servers.given[0].clone();
        let told: Vec<String> = (0..1000).map(|port| format!("b:{port}")).chain(["a:4222".into()]).collect();
        servers.note_told(&by, &told);
        servers.note_told(&by, &[&["a:4222".to_owned(), " ".into(), "x/y".into()], &told[..]].concat());
        let mut names: Vec<String> = servers.shuffled().iter().map(Server::name).collect();
        assert!(
            servers.shuffled().iter().all(|server| server.address.tls_required() && server.user == by.user)
        );
        names.sort();
        names.dedup();
        assert_eq!(names.len(), MAX_TOLD - 3 + 1);
        servers.note_told(&by, &[]);
        assert_eq!(servers.shuffled().len(), 1);
    }

    #[test]
    fn the_order_is_random() {
        let servers = parse("a,b,c").map(|given| Servers { given, told: Vec::new() }).expect("URLs");
        let mut first: Vec<String> = (0..200).map(|_| servers.shuffled()[0].name()).collect();
        first.sort();
        first.dedup();
        assert_eq!(first, ["a:4222", "b:4222", "c:4222"]);
    }
}
