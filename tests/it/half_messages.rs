//! Incomplete messages: how long the peer may take for the rest. The clock is paused.

use std::time::Duration;

use birpc::transport::Role;
use birpc::{CloseReason, Context, ErrorObject, Initiator, Keepalive, Router};
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio::time::{Instant, sleep, timeout};

use crate::support::Side;
use crate::support::bytes::{Bytes, FIRST_OF_TEXT, LAST, MORE, PING, TEXT, Wired, header, wired};

const KEEPALIVE: Duration = Duration::from_millis(200);

fn side(keepalive: Keepalive) -> Side {
    let router =
        Router::new().method("echo", |_: Context, params: Value| async { Ok::<_, ErrorObject>(params) });
    Side::new(router).config(|config| config.keepalive = keepalive)
}

async fn begun(keepalive: Keepalive, beginning: &[u8]) -> (Wired, Bytes<DuplexStream>, Instant) {
    let (wired, mut far) = wired(Role::Server, side(keepalive), 2 << 20).await;
    let began = Instant::now();
    far.send(beginning).await;
    (wired, far, began)
}

/// The reason of the end, if this many bytes arrive after each pause.
async fn ended_amid(wired: Wired, far: Bytes<DuplexStream>, bytes: usize, pause: Duration) -> CloseReason {
    let (_reader, mut writer) = far.split();
    let trickle = async move {
        let piece = vec![b'x'; bytes];
        while tokio::io::AsyncWriteExt::write_all(&mut writer, &piece).await.is_ok() {
            sleep(pause).await;
        }
        std::future::pending::<CloseReason>().await
    };
    tokio::select! {
        ended = wired.ended() => ended,
        ended = trickle => ended,
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_trickles_a_message_is_not_alive() {
    let large = header(TEXT, 1 << 20, true);
    let fragments = [header(FIRST_OF_TEXT, 0, true), header(MORE, 100_000, true)].concat();
    let half_ping = header(PING, 125, true);
    for beginning in [large, fragments, half_ping, vec![TEXT]] {
        // A hundred bytes would be the rest of the ping.
        let pieces = if beginning.len() > 8 { 3 } else { 2 };
        for (bytes, pause) in [(1, 35), (1, 350), (100, 50)].into_iter().take(pieces) {
            let (wired, far, began) = begun(Keepalive::every(KEEPALIVE, KEEPALIVE), &beginning).await;
            let ended = ended_amid(wired, far, bytes, Duration::from_millis(pause)).await;
            assert_eq!((ended.code, ended.initiator), (1006, Initiator::Network), "{beginning:?}");
            assert!(began.elapsed() < Duration::from_millis(1000), "{:?} {beginning:?}", began.elapsed());
        }
    }
}

/// A kibibyte in each timeout is slow, but a sign of life.
#[tokio::test(start_paused = true)]
async fn a_peer_that_gets_on_with_a_message_is_alive() {
    let params = format!("[\"{}\"]", "x".repeat(100_000));
    let request = format!(r#"{{"jsonrpc":"2.0","method":"echo","id":1,"params":{params}}}"#);
    let (wired, mut far, began) =
        begun(Keepalive::every(KEEPALIVE, KEEPALIVE), &header(TEXT, request.len(), true)).await;
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let masked: Vec<u8> =
        request.bytes().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    for piece in masked.chunks(600) {
        far.send(piece).await;
        sleep(Duration::from_millis(70)).await;
    }
    assert!(began.elapsed() > KEEPALIVE * 50);
    let answer = loop {
        let frame = far.next().await.expect("it is open");
        if frame.first == TEXT {
            break frame.payload.len();
        }
    };
    assert!(answer > 100_000);
    drop(wired);
}

#[tokio::test(start_paused = true)]
async fn without_keepalive_a_message_has_a_time() {
    for (pause, bytes) in [(1_000_000, 1), (100, 1), (1000, 2000)] {
        let (wired, far, began) = begun(Keepalive::off(), &header(TEXT, 1 << 20, true)).await;
        let ended = ended_amid(wired, far, bytes, Duration::from_millis(pause)).await;
        assert_eq!((ended.code, ended.initiator), (1008, Initiator::Local));
        assert!(ended.reason.contains("message_timeout"), "{ended}");
        // It takes up to `close_timeout` longer, since this peer never ends its half.
        assert!((60..=65).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }
}

/// The time limit applies to each message, not to the previous ones.
#[tokio::test(start_paused = true)]
async fn without_keepalive_whole_messages_have_no_time() {
    let (wired, mut far, _) = begun(Keepalive::off(), &[]).await;
    for _ in 0..5 {
        far.send(&header(FIRST_OF_TEXT, 0, true)).await;
        sleep(Duration::from_secs(50)).await;
        far.send_frame(LAST, br#"{"jsonrpc":"2.0","method":"echo","id":1,"params":[]}"#).await;
        assert!(far.text().await.contains("result"));
    }
    let ended = timeout(Duration::from_secs(100_000), wired.ended()).await;
    assert!(ended.is_err(), "{ended:?}");
}
