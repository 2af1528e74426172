//! What an engine in memory passes on, and what it loses.

use futures_util::{FutureExt, StreamExt};

use super::network::MAX_WAITING;
use super::*;

const TOPIC: Topic = Topic::All;

/// What is there now.
fn ready(incoming: &mut BoxStream<'static, BackplaneEvent>) -> Vec<BackplaneEvent> {
    std::iter::from_fn(|| incoming.next().now_or_never().flatten()).collect()
}

fn message(text: &'static str) -> BackplaneEvent {
    BackplaneEvent::Message { topic: TOPIC, bytes: Bytes::from_static(text.as_bytes()) }
}

#[tokio::test]
async fn messages_go_to_those_who_have_subscribed() {
    let engine = MemoryEngine::new(1);
    let (one, two): (Box<dyn Backplane>, _) = (Box::new(engine.server()), engine.server());
    let (mut of_one, mut of_two) = (one.incoming(), two.incoming());
    one.publish(&TOPIC, Bytes::from_static(b"nobody"), Some(7)).await.expect("it can be reached");
    assert_eq!(ready(&mut of_one), [BackplaneEvent::Nobody { tag: 7 }]);
    two.subscribe(&TOPIC).await.expect("it can be reached");
    one.publish(&TOPIC, Bytes::from_static(b"a"), Some(8)).await.expect("it can be reached");
    assert_eq!((ready(&mut of_one), ready(&mut of_two)), (vec![], vec![message("a")]));
    engine.cut(&two);
    assert_eq!(two.publish(&TOPIC, Bytes::new(), None).await, Err(BackplaneError::Unreachable));
    one.publish(&TOPIC, Bytes::from_static(b"lost"), None).await.expect("it can be reached");
    engine.restore(&two);
    assert_eq!(ready(&mut of_two), [BackplaneEvent::Lost, BackplaneEvent::Restored]);
    one.publish(&TOPIC, Bytes::from_static(b"no subscription"), None).await.expect("it can be reached");
    assert_eq!(ready(&mut of_two), []);
}

#[tokio::test]
async fn messages_that_are_not_read_are_dropped_and_that_is_told() {
    let engine = MemoryEngine::new(1);
    let server = engine.server();
    server.subscribe(&TOPIC).await.expect("it can be reached");
    for _ in 0..MAX_WAITING + 10 {
        server.publish(&TOPIC, Bytes::new(), None).await.expect("it can be reached");
    }
    let events = ready(&mut server.incoming());
    assert_eq!((events.len(), events.last()), (MAX_WAITING + 1, Some(&BackplaneEvent::Overrun)));
}

#[tokio::test]
async fn faults_happen_as_often_as_they_should() {
    let engine = MemoryEngine::new(1);
    let server = engine.server();
    server.subscribe(&TOPIC).await.expect("it can be reached");
    let mut incoming = server.incoming();
    for (faults, expected) in [
        (Faults::default().lost(50), 400..600),
        (Faults::default().doubled(50), 1400..1600),
        (Faults::default().delayed(50), 990..1001),
    ] {
        engine.set_faults(faults);
        for _ in 0..1000 {
            server.publish(&TOPIC, Bytes::new(), None).await.expect("it can be reached");
        }
        let count = ready(&mut incoming).len();
        assert!(expected.contains(&count), "{count} of 1000 with {faults:?}");
    }
}
