//! Proxies from the environment. Each test is a separate process, since it has its own environment.

use std::process::Stdio;

use birpc::{Client, ErrorObject, Router};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::support::{NoParams, Record, Side, bounded, listen};

/// Run as a process by the tests below: calls a server, and reports the outcome.
#[tokio::test]
#[ignore = "the other half of each test"]
async fn client() {
    let Ok(url) = std::env::var("BIRPC_PROXIED_URL") else { return };
    match Client::builder().proxy_from_env().connect(&url).await {
        Ok(client) => println!("\nresult: {:?}", client.peer().call::<String>("ping", ()).await),
        Err(error) => println!("\nresult: {error}"),
    }
}

async fn client_with(variables: &[(&str, &str)], url: &str) -> String {
    let mut command = Command::new(std::env::current_exe().expect("this test runs"));
    command.args(["--exact", "proxy_env::client", "--ignored", "--nocapture"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
        .envs(variables.iter().copied())
        .env("BIRPC_PROXIED_URL", url)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = bounded(command.output()).await.expect("it runs");
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let result = output.lines().find_map(|line| line.strip_prefix("result: "));
    result.unwrap_or_else(|| panic!("{output}")).to_owned()
}

/// A proxy that gives this answer to `CONNECT`. Returns its address, and the heads of the requests.
async fn proxy(answer: &'static str) -> (String, Record<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let (address, heads) = (listener.local_addr().expect("bound").to_string(), Record::default());
    let record = heads.clone();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(near.read_u8().await.expect("a whole request"));
            }
            let head = String::from_utf8(head).expect("ASCII");
            let to = head.split(' ').nth(1).expect("a target").to_owned();
            record.push(head);
            near.write_all(answer.as_bytes()).await.expect("a client");
            if answer.contains(" 200 ") {
                let mut far = TcpStream::connect(to).await.expect("a server");
                tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
            }
        }
    });
    (address, heads)
}

async fn server() -> String {
    let ping = |_, _: NoParams| async { Ok::<_, ErrorObject>("pong") };
    listen(Side::new(Router::new().method("ping", ping))).await.url()
}

const CONNECTED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

#[tokio::test]
async fn a_client_that_asks_for_it_goes_through_the_proxy() {
    let (url, (proxy, heads)) = (server().await, proxy(CONNECTED).await);
    let target = url.trim_start_matches("ws://").trim_end_matches('/');
    let with_user = format!("http://me:pa%20ss@{proxy}");
    for (name, value) in [("HTTP_PROXY", &with_user), ("http_proxy", &proxy), ("ALL_PROXY", &with_user)] {
        assert_eq!(client_with(&[(name, value)], &url).await, r#"Ok("pong")"#, "{name}");
        let head = heads.take().pop().unwrap_or_else(|| panic!("{name} is not used"));
        assert!(head.starts_with(&format!("CONNECT {target} HTTP/1.1\r\n")), "{head}");
        let basic = head.to_lowercase().contains("proxy-authorization: basic");
        assert_eq!(basic, *value == with_user, "{head}");
    }
}

#[tokio::test]
async fn no_proxy_and_the_other_scheme_go_past_it() {
    let (url, (proxy, heads)) = (server().await, proxy(CONNECTED).await);
    for variables in [
        &[("HTTP_PROXY", &*proxy), ("NO_PROXY", "10.0.0.0/8,127.0.0.0/8")][..],
        &[("HTTP_PROXY", &*proxy), ("no_proxy", "*")],
        &[("HTTPS_PROXY", &*proxy)],
        &[],
    ] {
        assert_eq!(client_with(variables, &url).await, r#"Ok("pong")"#, "{variables:?}");
        assert!(heads.take().is_empty(), "{variables:?}");
    }
}

#[tokio::test]
async fn what_a_proxy_refuses_is_told() {
    let answer = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
    let (proxy, _) = proxy(answer).await;
    let told = client_with(&[("HTTP_PROXY", &proxy)], "ws://far.example/").await;
    assert!(told.contains(&format!("through the proxy {proxy}")) && told.contains("407"), "{told}");
    let told = client_with(&[("ALL_PROXY", "socks5://127.0.0.1:1")], "ws://far.example/").await;
    assert!(told.contains("socks5, which is not supported"), "{told}");
    let told = client_with(&[("HTTP_PROXY", "ftp://me:secret@x")], "ws://far.example/").await;
    assert!(told.contains("HTTP_PROXY is not a proxy's URL") && !told.contains("secret"), "{told}");
}
