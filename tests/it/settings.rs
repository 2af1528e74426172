//! Every setting of a connection exists for servers, clients and `Config`, with the same name and type.

use std::path::Path;
use std::time::Duration;
use std::{fs, iter};

use birpc::{Client, Config, Dialect, Keepalive, Server};

/// Settings of [`Config`] that a builder does not have, and why.
const LEFT_OUT: [(&str, &str, &str); 1] =
    [("ClientBuilder", "when_full", "it is about broadcasts, and a client has one peer")];

fn listing(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join(format!("public-api/{name}.txt"))).expect("the listing")
}

/// The public fields of `Config`, as its listing has them.
fn fields(core: &str) -> Vec<String> {
    let line = core.lines().find(|line| line.starts_with("Config: ")).expect("it is listed");
    let fields = line.split_once('{').expect("fields").1;
    fields.split("pub ").skip(1).filter_map(|field| Some(field.split_once(':')?.0.to_owned())).collect()
}

/// The signature of a method, without its type.
fn method<'l>(listing: &'l str, of: &str, name: &str) -> Option<&'l str> {
    let mut lines = listing.lines().filter_map(|line| line.strip_prefix(&format!("impl {of}: pub fn ")));
    lines.find(|line| line.starts_with(&format!("{name}(")))
}

/// The setters of these types that differ from those of `Config`.
fn missing(core: &str, server: &str, client: &str) -> Vec<String> {
    let types = [("Config", core), ("ServerBuilder", server), ("ClientBuilder", client)];
    let mut missing = Vec::new();
    for field in fields(core) {
        let wanted = method(core, "Config", &field);
        for (name, listing) in types {
            let found = method(listing, name, &field);
            let is_left_out = LEFT_OUT.iter().any(|(of, left_out, _)| (*of, *left_out) == (name, &*field));
            if (found.is_none() || found != wanted) != is_left_out {
                missing.push(format!("{name}::{field}"));
            }
        }
    }
    missing
}

#[test]
fn each_setting_has_a_setter_at_both_builders_and_at_config() {
    let (core, server, client) = (listing("birpc-core"), listing("birpc-server"), listing("birpc-client"));
    assert!(fields(&core).len() > 5, "{:?}", fields(&core));
    assert_eq!(missing(&core, &server, &client), Vec::<String>::new());
    let without = |text: &str, left_out: &str| -> String {
        text.lines().filter(|line| !line.contains(left_out)).flat_map(|line| [line, "\n"]).collect()
    };
    assert_eq!(missing(&core, &without(&server, "fn dialect"), &client), ["ServerBuilder::dialect"]);
    let changed = client.replace("fn limits(", "fn limits(other, ");
    assert_eq!(missing(&core, &server, &changed), ["ClientBuilder::limits"]);
}

#[test]
fn the_setters_of_both_builders_and_of_config_do_the_same() {
    macro_rules! told {
        ($builder:expr) => {
            $builder
                .limits(|limits| limits.max_in_flight = 3)
                .keepalive(Keepalive::off())
                .call_timeout(Duration::from_secs(7))
                .dialect(Dialect::lsp())
                .warn_open_after(None)
                .pause_reading(true)
                .lenient_version(true)
        };
    }
    let config = format!("{:?}", told!(Config::default()));
    assert_ne!(config, format!("{:?}", Config::default()));
    let (server, client) =
        (format!("{:?}", told!(Server::builder())), format!("{:?}", told!(Client::builder())));
    for (name, shown) in iter::zip(["server", "client"], [server, client]) {
        assert!(shown.contains(&config), "{name}: {shown}\n{config}");
    }
}
