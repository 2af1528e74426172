//! `birpc bridge`: messages both ways, and the end of either side.
#![cfg(unix)]

use std::time::{Duration, Instant};

use futures_util::SinkExt;
use nix::sys::signal::Signal;
use tokio_tungstenite::tungstenite::Message;

use super::servers::{connect, until};
use super::support::{Running, lives};

/// A bridge to a shell script.
async fn bridge(options: &[&str], script: &str) -> (Running, String) {
    let mut bridge = Running::start(&[&["bridge"], options, &["--", "/bin/sh", "-c", script]].concat());
    let url = bridge.url().await;
    (bridge, url)
}

#[tokio::test]
async fn a_line_is_a_message_and_other_lines_go_to_standard_error() {
    let (mut bridge, url) = bridge(&[], "echo starting; echo; exec cat").await;
    let mut far = connect(&url).await;
    assert_eq!(bridge.note().await.as_deref(), Some("starting"));
    far.send("{\"a\":\n[1,\n2]}").await;
    assert_eq!(far.text().await, "{\"a\": [1, 2]}");
    far.0.send(Message::binary(b"[\"binary\"]".to_vec())).await.expect("it is sent");
    assert_eq!(far.text().await, "[\"binary\"]");
    far.send("42").await;
    far.send("[\"\u{e9}\"]").await;
    assert_eq!(far.text().await, "[\"\u{e9}\"]", "42 cannot be a message");
}

#[tokio::test]
async fn headers_carry_any_message() {
    let (_bridge, url) = bridge(&["--framing", "headers"], "exec cat").await;
    let mut far = connect(&url).await;
    for text in ["{\"a\":\n[1,\n2]}", "[\"\u{e9}\"]", "{}"] {
        far.send(text).await;
        assert_eq!(far.text().await, text);
    }
    let large = format!("[\"{}\"]", "x".repeat(3 << 20));
    far.send(&large).await;
    assert_eq!(far.text().await, large);
}

#[tokio::test]
async fn the_arguments_of_the_command_are_as_they_were_given() {
    let script = "printf '[\"%s\"]\\n' \"$*\"";
    let arguments = ["bridge", "--", "/bin/sh", "-c", script, "sh", "-5", "--", "-h", " 1 "];
    let mut bridge = Running::start(&arguments);
    let mut far = connect(&bridge.url().await).await;
    assert_eq!(far.text().await, "[\"-5 -- -h  1 \"]");
}

#[tokio::test]
async fn each_connection_has_a_process_of_its_own() {
    let (_bridge, url) = bridge(&[], "echo \"[$$]\"; exec cat").await;
    let (mut one, mut two) = (connect(&url).await, connect(&url).await);
    let (first, second) = (one.text().await, two.text().await);
    assert_ne!(first, second);
    drop(one);
    two.send("[]").await;
    assert_eq!(two.text().await, "[]");
}

#[tokio::test]
async fn the_end_of_the_command_closes_with_its_success_after_its_last_output() {
    for (script, code) in [
        ("echo '{\"last\":1}'", 1000),
        ("echo '{\"last\":1}'; exit 3", 1011),
        ("echo '{\"last\":1}'; kill -9 $$", 1011),
    ] {
        let (mut bridge, url) = bridge(&[], script).await;
        let mut far = connect(&url).await;
        assert_eq!(far.text().await, "{\"last\":1}", "{script}");
        assert_eq!(far.close_code().await, Some(code), "{script}");
        if code == 1011 {
            assert!(bridge.note().await.is_some_and(|line| line.contains("the command ended with")));
        }
    }
}

#[tokio::test]
async fn a_command_that_ends_without_reading_loses_nothing_that_it_has_written() {
    // More than all pipes and sockets hold.
    let script = "i=0; while [ $i -lt 20000 ]; do echo \"[$i, \\\"a line as long as many are\\\"]\"; \
                  i=$((i+1)); done";
    let (_bridge, url) = bridge(&[], script).await;
    let mut far = connect(&url).await;
    for number in 0..20_000 {
        let text = far.text().await;
        assert!(text.starts_with(&format!("[{number},")), "{text}");
    }
    assert_eq!(far.close_code().await, Some(1000));
}

#[tokio::test]
async fn a_command_that_breaks_its_framing_is_1011() {
    let cases: [(&[&str], &str, &str); 4] = [
        (&["--framing", "headers"], "echo hello; cat", "is no header"),
        (&["--framing", "headers"], "printf 'Content-Length: 999999999999\\r\\n\\r\\n'; cat", "the limit is"),
        (&["--max-message", "1KiB"], "head -c 5000 /dev/zero | tr '\\0' '['; cat", "the limit is 1024"),
        (&[], "printf '[\"\\377\"]\\n'; cat", "not UTF-8"),
    ];
    for (options, script, says) in cases {
        let (mut bridge, url) = bridge(options, script).await;
        let mut far = connect(&url).await;
        assert_eq!(far.close_code().await, Some(1011), "{script}");
        let line = bridge.note().await.expect("it says why");
        assert!(line.contains(says), "{says}: {line}");
    }
}

/// The ids of a child that ignores SIGTERM, and of the process that it has started.
const STUBBORN: &str =
    "trap '' TERM HUP; sleep 1000 & echo \"[\\\"$$ $!\\\"]\"; while :; do sleep 1000; done";

fn ids(text: &str) -> Vec<String> {
    let ids: Vec<String> = serde_json::from_str(text).expect("an array");
    ids[0].split(' ').map(String::from).collect()
}

#[tokio::test]
async fn the_end_of_the_connection_ends_everything_that_the_command_has_started() {
    let (_bridge, url) = bridge(&[], STUBBORN).await;
    for clean in [true, false] {
        let mut far = connect(&url).await;
        let ids = ids(&far.text().await);
        assert!(ids.iter().all(|id| lives(id)), "{ids:?}");
        let began = Instant::now();
        if clean {
            far.0.close(None).await.expect("it closes");
        }
        drop(far);
        until(|| !ids.iter().any(|id| lives(id))).await;
        assert!(began.elapsed() < Duration::from_secs(5), "it takes 2 s, and a busy machine more");
    }
}

#[tokio::test]
async fn a_command_that_ends_with_its_input_is_not_killed() {
    let folder = super::support::Folder::new();
    let file = folder.file("ended");
    let script = format!("echo '[]'; cat > /dev/null; echo well > {file}");
    let (_bridge, url) = bridge(&[], &script).await;
    let mut far = connect(&url).await;
    far.text().await;
    drop(far);
    until(|| std::fs::read_to_string(&file).is_ok_and(|text| text == "well\n")).await;
}

#[tokio::test]
async fn what_came_before_the_end_of_the_connection_reaches_the_command() {
    let folder = super::support::Folder::new();
    let file = folder.file("received");
    let (_bridge, url) = bridge(&[], &format!("exec cat >> {file}")).await;
    let mut expected = Vec::new();
    for number in 0..20 {
        let message = format!("[{number}]");
        let mut far = connect(&url).await;
        far.send(&message).await;
        far.send(&message).await;
        far.0.close(None).await.expect("it closes");
        expected.extend([message.clone(), message]);
    }
    expected.sort();
    // Each connection has a process of its own, and they do not wait for each other.
    until(|| {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let mut received: Vec<_> = text.lines().collect();
        received.sort_unstable();
        received == expected
    })
    .await;
}

#[tokio::test]
async fn what_a_command_leaves_behind_ends_too_and_does_not_keep_the_connection() {
    let (_bridge, url) = bridge(&[], "sleep 1000 & echo \"[\\\"$!\\\"]\"").await;
    let mut far = connect(&url).await;
    let ids = ids(&far.text().await);
    assert_eq!(far.close_code().await, Some(1000));
    until(|| !lives(&ids[0])).await;
}

#[tokio::test]
async fn the_end_of_the_bridge_ends_all_commands() {
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130)] {
        let (bridge, url) = bridge(&[], STUBBORN).await;
        let (mut one, mut two) = (connect(&url).await, connect(&url).await);
        let ids = [ids(&one.text().await), ids(&two.text().await)].concat();
        bridge.signal(signal);
        assert_eq!(one.close_code().await, Some(1001));
        assert_eq!(bridge.end().await.code, Some(code));
        until(|| !ids.iter().any(|id| lives(id))).await;
    }
}

#[tokio::test]
async fn a_command_that_does_not_read_stops_the_peer_and_still_writes() {
    let (_bridge, url) = bridge(&[], "while :; do echo '[]'; sleep 0.01; done").await;
    let mut far = connect(&url).await;
    let large = format!("[\"{}\"]", "x".repeat(1 << 20));
    // More than the pipe holds; the rest waits, in the bridge and in the sockets.
    for _ in 0..2 {
        far.send(&large).await;
    }
    for _ in 0..10 {
        assert_eq!(far.text().await, "[]");
    }
}
