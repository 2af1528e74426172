//! birpc over any socket that is a stream and a sink of messages.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use birpc::transport::{Frame, SinkStream, Transport};
use birpc::{CloseReason, Config, Connection, ConnectionInfo, Context, ErrorObject, Keepalive, Peer, Router};
use futures_util::{Sink, Stream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// A socket in memory that does nothing by itself.
struct Channel<M> {
    out: Option<UnboundedSender<M>>,
    incoming: UnboundedReceiver<M>,
}

fn channels<M>() -> (Channel<M>, Channel<M>) {
    let ((there, from_here), (back, from_there)) = (unbounded_channel(), unbounded_channel());
    let channel = |out, incoming| Channel { out: Some(out), incoming };
    (channel(there, from_there), channel(back, from_here))
}

impl<M> Stream for Channel<M> {
    type Item = Result<M, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Option<Self::Item>> {
        self.incoming.poll_recv(cx).map(|message| message.map(Ok))
    }
}

impl<M> Sink<M> for Channel<M> {
    type Error = &'static str;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, message: M) -> Result<(), Self::Error> {
        let sent = self.out.as_ref().is_some_and(|out| out.send(message).is_ok());
        if sent { Ok(()) } else { Err("the channel is closed") }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), Self::Error>> {
        self.out = None;
        Poll::Ready(Ok(()))
    }
}

/// Messages are strings only.
fn lines(channel: Channel<String>) -> impl Transport {
    SinkStream::new(
        channel,
        |frame| match frame {
            Frame::Text(text) => String::from_utf8(text.into()).ok(),
            _ => None,
        },
        |line: String| Some(Frame::Text(line.into())),
    )
}

/// Messages are all frames of a WebSocket, and nothing else answers pings.
fn frames(channel: Channel<Frame>) -> impl Transport {
    SinkStream::new(channel, Some, Some).answering()
}

fn start(transport: impl Transport, change: impl FnOnce(&mut Config)) -> (Peer, JoinHandle<CloseReason>) {
    let mut config = Config::default();
    change(&mut config);
    let add = |_: Context, (a, b): (i64, i64)| async move { Ok::<_, ErrorObject>(a + b) };
    let (peer, connection) = Connection::new(transport, Arc::new(config), ConnectionInfo::default());
    (peer, tokio::spawn(connection.serve(Router::new().method("add", add))))
}

fn no_keepalive(config: &mut Config) {
    config.keepalive = Keepalive::off();
}

#[tokio::test(start_paused = true)]
async fn messages_need_be_no_more_than_text() {
    let (near, far) = channels();
    let (near, near_ended) = start(lines(near), no_keepalive);
    let (far, far_ended) = start(lines(far), no_keepalive);
    for peer in [&near, &far] {
        assert_eq!(peer.call::<i64>("add", (1, 2)).await, Ok(3));
    }
    tokio::time::sleep(Duration::from_secs(3600)).await;
    near.notify("last", ()).await.expect("there is room");
    near.close(4000, "enough").expect("it may be sent");
    // There are no close frames: the peer sees the end.
    let far = far_ended.await.expect("no panic");
    assert_eq!((far.code, far.clean), (1006, false));
    let near = near_ended.await.expect("no panic");
    assert_eq!((near.code, near.clean), (4000, false));
}

#[tokio::test(start_paused = true)]
async fn pings_and_the_close_are_answered_if_the_socket_does_not() {
    let (near, far) = channels();
    let (near, near_ended) = start(frames(near), |_| {});
    let (_far, far_ended) = start(frames(far), |_| {});
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(near.call::<i64>("add", (1, 2)).await, Ok(3), "keepalive has kept it");
    near.close(4000, "enough").expect("it may be sent");
    for ended in [near_ended, far_ended] {
        let reason = ended.await.expect("no panic");
        assert_eq!((reason.code, &*reason.reason, reason.clean), (4000, "enough", true));
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_code_that_nobody_may_send_is_told_and_answered_with_1002() {
    let (near, mut far) = channels();
    let (_near, ended) = start(frames(near), |_| {});
    let send = |frame| far.out.as_ref().expect("it is open").send(frame).expect("it is open");
    send(Frame::closing(1005, ""));
    let Some(Frame::Close(Some(answer))) = far.incoming.recv().await else { panic!("a close frame") };
    assert_eq!(answer.code().get(), 1002);
    drop(far.out.take());
    assert_eq!(ended.await.expect("no panic").code, 1005);
}

#[tokio::test(start_paused = true)]
async fn a_message_past_the_limit_closes_with_1009_whatever_the_socket_takes() {
    let (near, mut far) = channels();
    let (_near, ended) = start(frames(near), |config| config.limits.max_message_in = 1000);
    let send = |size: usize| {
        let text = format!("\"{}\"", "x".repeat(size - 2));
        far.out.as_ref().expect("it is open").send(Frame::Text(text.into())).expect("it is open");
    };
    send(1000);
    send(1001);
    assert!(matches!(far.incoming.recv().await, Some(Frame::Text(_))), "the first is at the limit");
    let Some(Frame::Close(Some(close))) = far.incoming.recv().await else { panic!("a close frame") };
    let why = "a message of 1001 bytes; the limit is 1000 (`max_message_in`)";
    assert_eq!((close.code().get(), close.reason()), (1009, why));
    drop(far);
    assert_eq!(ended.await.expect("no panic").code, 1009);
}

#[tokio::test(start_paused = true)]
async fn text_that_the_socket_has_no_message_for_ends_the_connection() {
    let (near, mut far) = channels::<Frame>();
    let only_control = |frame| (!matches!(frame, Frame::Text(_))).then_some(frame);
    let (near, ended) = start(SinkStream::new(near, only_control, Some), |_| {});
    near.notify("said", ()).await.expect("there is room");
    let Some(Frame::Close(Some(close))) = far.incoming.recv().await else { panic!("a close frame") };
    assert_eq!(close.code().get(), 1011);
    drop(far);
    assert_eq!(ended.await.expect("no panic").code, 1011);
}

/// A message that is not a frame, such as an event of a framework, is ignored, but is a sign of life.
#[tokio::test(start_paused = true)]
async fn a_message_that_is_no_frame_is_passed_over() {
    let (near, far) = channels::<Frame>();
    let but_binary = |frame| (!matches!(frame, Frame::Binary(_))).then_some(frame);
    let (near, _ended) = start(SinkStream::new(near, Some, but_binary), |_| {});
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_secs(19)).await;
        let sent = far.out.as_ref().expect("it is open").send(Frame::Binary("event".into()));
        sent.expect("it is open");
    }
    tokio::task::yield_now().await;
    assert_eq!(near.close_reason(), None);
    assert!(far.incoming.is_empty(), "no ping was needed");
}
