//! An application that knows that the network is back makes its client connect at once.

use std::future::pending;
use std::time::Duration;

use birpc::transport::memory_pair;
use birpc::{Client, ConnectionInfo, ConnectionState, Reconnect};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::support::{Dials, Raw, Record, unreachable};

#[tokio::test(start_paused = true)]
async fn the_delay_before_the_next_attempt_ends() {
    let hour = Duration::from_secs(3600);
    let reconnect = Reconnect::default().backoff(hour, hour);
    let (client, mut dials, raw) = Dials::connected(Client::builder().reconnect(reconnect)).await;
    for _ in 0..20 {
        dials.fail([unreachable()]);
    }
    let lost = Instant::now();
    drop(raw);
    while client.state() != ConnectionState::Connecting {
        tokio::task::yield_now().await;
    }
    dials.times.take();
    for _ in 0..20 {
        client.connect_now();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(dials.times.take().len(), 20);
    client.connect_now();
    dials.next().await;
    assert!(lost.elapsed() < Duration::from_secs(1), "{:?}", lost.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_up_stays_and_the_next_outage_has_its_delay() {
    let hour = Duration::from_secs(3600);
    let reconnect = Reconnect::default().backoff(hour, hour);
    let (client, mut dials, raw) = Dials::connected(Client::builder().reconnect(reconnect)).await;
    client.connect_now();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((client.state(), dials.times.take().len()), (ConnectionState::Open, 1));
    let lost = Instant::now();
    drop(raw);
    dials.next().await;
    // A random part of an hour is less than a millisecond with a probability of 10^-6.
    assert!(lost.elapsed() > Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_given_up_and_a_young_one_goes_on() {
    let (times, (peers, mut opened)) = (Record::default(), mpsc::unbounded_channel());
    let record = times.clone();
    let open = move || {
        record.push(Instant::now());
        let (peers, first_ever) = (peers.clone(), peers.is_closed());
        async move {
            assert!(!first_ever);
            let (near, far) = memory_pair();
            let (tell, told) = tokio::sync::oneshot::channel();
            peers.send((Raw::Memory(far), tell)).expect("the test listens");
            if told.await.is_err() {
                pending::<()>().await; // a network that answers nothing
            }
            Ok::<_, std::io::Error>((near, ConnectionInfo::default()))
        }
    };
    let second = Duration::from_secs(1);
    let reconnect = Reconnect::default().backoff(Duration::from_millis(1), Duration::from_millis(1));
    let connecting = tokio::spawn(Client::builder().reconnect(reconnect).connect_over(open));
    let (raw, tell) = opened.recv().await.expect("it dials");
    tell.send(()).expect("it waits");
    let client = connecting.await.expect("no panic").expect("it connects");
    drop(raw);
    let (_raw, hangs) = opened.recv().await.expect("it dials");
    drop(hangs);
    tokio::time::sleep(second / 2).await;
    client.connect_now();
    tokio::time::sleep(second).await;
    assert_eq!(times.take().len(), 2, "a young attempt goes on");
    client.connect_now();
    let (_raw, tell) = opened.recv().await.expect("it dials anew");
    tell.send(()).expect("it waits");
    while client.state() != ConnectionState::Open {
        tokio::task::yield_now().await;
    }
    assert_eq!(times.take().len(), 1);
}
