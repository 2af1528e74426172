use super::*;

fn parsed(url: &str) -> Target {
    Target::parse(url).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn urls_are_taken_apart() {
    let target = parsed("ws://[::1]:9944/rpc?key=1");
    assert_eq!((target.host.as_str(), target.port), ("::1", 9944));
    assert_eq!((target.authority.as_str(), target.path.as_str()), ("[::1]:9944", "/rpc?key=1"));
    assert_eq!(target.address(), "[::1]:9944");
    let target = parsed("ws://localhost");
    assert_eq!((target.port, target.path.as_str(), target.address()), (80, "/", "localhost:80".into()));
    assert_eq!(parsed("ws://localhost?a#b").path, "/?a");
}

#[test]
fn a_scheme_has_no_case_and_a_port_may_be_empty() {
    let target = parsed("WS://localhost:/x");
    assert_eq!((target.port, target.authority.as_str()), (80, "localhost"));
    assert_eq!(parsed("Ws://[::1]:").authority, "[::1]");
}

#[test]
fn a_zone_is_looked_up_and_not_sent() {
    for url in ["ws://[fe80::1%25eth0]:81/", "ws://[fe80::1%eth0]:81/"] {
        let target = parsed(url);
        assert_eq!((target.host.as_str(), target.authority.as_str()), ("fe80::1%eth0", "[fe80::1]:81"));
        assert_eq!(target.address(), "[fe80::1%eth0]:81");
    }
}

#[test]
#[cfg(feature = "tls")]
fn wss_has_a_port_of_its_own() {
    let target = parsed("wss://localhost");
    assert_eq!((target.secure, target.port), (true, 443));
    assert_eq!(parsed("WSS://[::1]:9944").port, 9944);
    assert_eq!(parsed("wss://[fe80::1%25eth0]").name(), "fe80::1");
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
        ("ws:// x", "it is not a URL"),
        (" ws://host/", "white space"),
        ("ws://host/\n", "white space"),
        ("ws://localhost:99944/", "port"),
        ("ws://localhost:+80/", "port"),
        ("ws://localhost:x/", "port"),
        ("ws://::1/", "brackets"),
        ("ws://[::1/", "brackets"),
        ("ws://::1]/", "brackets"),
        ("ws://[::1]80/", "port"),
        ("ws://[x]/", "not an IPv6 address"),
        ("ws://[fe80::1%25e!0]/", "not an IPv6 address"),
        ("ws:///path", "no host"),
        ("ws://:80/", "no host"),
        ("ws://bücher.example/", "punycode"),
        ("ws://host/a b", "percent-encoded"),
        ("ws://host/?a\nb", "percent-encoded"),
    ] {
        let error = Target::parse(url).expect_err(url).to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn no_secret_is_shown() {
    for (url, shown) in [
        ("ws://me:secret@host/path", "ws://…@host/path"),
        ("wss://me:se@cret@host", "wss://…@host"),
        ("ws://me:sec/ret@host/", "ws://…@host/"),
        ("ws://me:sec?ret@host/", "ws://…@host/"),
        ("me:secret@host", "…@host"),
        ("ws://host/path?token=secret", "ws://host/path?…"),
        ("ws://host:80/@user", "ws://host:80/@user"),
        ("ws://me:sec#ret@host/", "ws://…@host/"),
        ("https://host/#token=secret", "https://host/#…"),
        ("/login?token=secret&back=ws://host/", "/login?…"),
        ("ws://[::1]:x/@user", "ws://[::1]:x/@user"),
        ("ws://ho\u{1b}st\n/", r"ws://ho\u{1b}st /"),
    ] {
        assert_eq!(redacted(url), shown);
    }
}
