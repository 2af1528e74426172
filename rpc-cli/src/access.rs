//! The listeners of `bridge` and `record`, and who may connect to them.
//!
//! A page in a browser can connect to any port of its user's machine. So a request with an `Origin` is
//! refused unless the user has allowed that page, and so is one whose `Host` is not a name of this machine,
//! since a page can let its own name point here (DNS rebinding).

use std::io::{self, ErrorKind};

use birpc::{Grant, Handshake, Refusal, Server, ServerBuilder};
use clap::Args;
use tokio::net::TcpListener;

use crate::failure::Failure;
use crate::output;

/// Where to listen.
#[derive(Args)]
#[command(next_help_heading = "Listener")]
pub(crate) struct ListenArguments {
    /// Listen on this address. Port 0 is any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: String,
    /// Let pages of this origin connect, such as http://localhost:3000; may be repeated
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    origin: Vec<String>,
    /// Serve requests for this host too, beside localhost, 127.0.0.1 and [::1]; may be repeated
    #[arg(long, value_name = "HOST", value_parser = host)]
    host: Vec<String>,
}

/// An origin as browsers write it; another one would never be that of a page.
fn origin(text: &str) -> Result<String, String> {
    let host = text.split_once("://").map_or("", |(_, host)| host);
    let is_origin = text == "null" || !host.is_empty() && !host.contains(['/', '?', '#', '@', '*', ' ']);
    let right = "write the scheme, the host and its port if it has one, such as http://localhost:3000";
    if is_origin { Ok(text.to_owned()) } else { Err(right.into()) }
}

/// A host as clients write it in `Host`.
fn host(text: &str) -> Result<String, String> {
    let is_host = !text.is_empty() && !text.contains(['/', '?', '#', '@', '*', ' ']);
    let right = "write a name or an address, and its port if it is another: bridge.lan or bridge.lan:8080";
    if is_host { Ok(text.to_owned()) } else { Err(right.into()) }
}

/// The names of this machine that cannot be those of others.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

impl ListenArguments {
    /// Binds the address. The server refuses what the arguments do not allow.
    pub(crate) async fn bind(&self, builder: ServerBuilder) -> Result<Server, Failure> {
        let cannot = |error: io::Error| {
            let hint = match error.kind() {
                ErrorKind::InvalidInput => " (write HOST:PORT)",
                _ => "",
            };
            Failure::io(format_args!("cannot listen on {}{hint}", self.listen), &error)
        };
        let listener = TcpListener::bind(&self.listen).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        if !address.ip().is_loopback() && self.host.is_empty() {
            output::note("birpc: only requests for localhost are served; others need --host NAME");
        }
        let rules = Rules::new(address.port(), &self.host, self.origin.clone());
        let builder = builder.hosts_any().origins(birpc::Origins::Any);
        let server = builder.authorize(move |handshake| std::future::ready(rules.check(&handshake)));
        let server = server.from_listener(listener);
        output::note(&format!("listening on ws://{address}/"));
        Ok(server)
    }
}

struct Rules {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Rules {
    fn new(port: u16, hosts: &[String], origins: Vec<String>) -> Self {
        let names = LOOPBACK.into_iter().chain(hosts.iter().map(String::as_str));
        // Clients leave the port 80 out.
        let bare = names.clone().filter(|_| port == 80).map(String::from);
        let hosts = names.map(|name| with_port(name, port)).chain(bare).collect();
        Self { hosts, origins }
    }

    fn check(&self, handshake: &Handshake) -> Result<Grant, Refusal> {
        let header =
            |name| handshake.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let (host, origin) = (header("host").unwrap_or_default(), header("origin"));
        self.check_names(&host, origin.as_deref()).map(|()| Grant::new()).map_err(|why| {
            output::note(&format!("birpc: refused a connection: {why}"));
            Refusal::forbidden(why)
        })
    }

    fn check_names(&self, host: &str, origin: Option<&str>) -> Result<(), String> {
        if !self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host)) {
            return Err(format!("the host {} is not served here; allow it with --host", shown(host)));
        }
        match origin {
            Some(origin) if !self.origins.iter().any(|known| known.eq_ignore_ascii_case(origin)) => {
                Err(format!("pages of {} may not connect; allow them with --origin", shown(origin)))
            }
            _ => Ok(()),
        }
    }
}

/// A host with its port, which may be given.
fn with_port(host: &str, port: u16) -> String {
    let has_port =
        host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) && !host.ends_with(']');
    if has_port { host.to_owned() } else { format!("{host}:{port}") }
}

/// A peer's text as it can be shown.
fn shown(text: &str) -> String {
    text.chars().take(100).collect::<String>().escape_debug().to_string()
}

#[test]
fn only_this_machine_is_served_and_no_page() {
    let rules =
        Rules::new(9000, &["bridge.lan".into(), "10.0.0.1:1".into()], vec!["http://localhost:3000".into()]);
    for host in
        ["localhost:9000", "LOCALHOST:9000", "127.0.0.1:9000", "[::1]:9000", "bridge.lan:9000", "10.0.0.1:1"]
    {
        assert_eq!(rules.check_names(host, None), Ok(()), "{host}");
        assert_eq!(rules.check_names(host, Some("http://localhost:3000")), Ok(()), "{host}");
        for origin in
            ["http://evil.example", "null", "", "http://localhost:9000", "http://localhost:3000.evil.example"]
        {
            assert!(rules.check_names(host, Some(origin)).is_err(), "{host} {origin}");
        }
    }
    let rules_80 = Rules::new(80, &["bridge.lan".into()], vec![]);
    for host in ["localhost", "localhost:80", "[::1]", "bridge.lan", "bridge.lan:80"] {
        assert_eq!(rules_80.check_names(host, None), Ok(()), "{host}");
    }
    let strangers = "localhost localhost:9001 evil.example:9000 127.0.0.1.evil.example:9000 localhost.:9000 \
                     127.0.0.2:9000 0.0.0.0:9000 10.0.0.1:9000 localhost:9000@evil.example";
    for host in strangers.split_whitespace().chain([""]) {
        assert!(rules.check_names(host, None).is_err(), "{host}");
    }
}
