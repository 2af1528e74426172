use std::future::poll_fn;

use tokio::task::consume_budget;
use tokio::time::{advance, timeout};

use super::*;
use crate::Keepalive;

const SECOND: Duration = Duration::from_secs(1);

/// A clock without keepalive.
fn clock(change: impl FnOnce(&mut Config)) -> Clock {
    let mut config = Config { keepalive: Keepalive::off(), ..Config::default() };
    change(&mut config);
    Clock::new(&config)
}

/// What is due next, and in how many milliseconds; `None` if nothing is for an hour.
async fn next(clock: &mut Clock) -> Option<(Tick, u128)> {
    next_before(clock, None).await
}

async fn next_before(clock: &mut Clock, close: Option<Instant>) -> Option<(Tick, u128)> {
    let start = Instant::now();
    let tick = timeout(3600 * SECOND, poll_fn(|cx| clock.poll(close, cx))).await.ok()?;
    Some((tick, start.elapsed().as_millis()))
}

#[tokio::test(start_paused = true)]
async fn buffers_are_given_back_a_second_after_the_last_byte_and_once() {
    let mut clock = clock(|_| {});
    clock.grown();
    advance(SECOND / 2).await;
    clock.observe(Traffic::new(0, 0), 0, false);
    clock.grown();
    assert_eq!(next(&mut clock).await, Some((Tick::Idle, 500)), "nothing came or went");
    assert_eq!(next(&mut clock).await, None);
    for traffic in [Traffic::new(1, 0), Traffic::new(1, 1)] {
        clock.grown();
        advance(SECOND / 2).await;
        clock.observe(traffic, 0, false);
        assert_eq!(next(&mut clock).await, Some((Tick::Idle, 1000)));
    }
    clock.observe(Traffic::new(2, 2), 0, false);
    assert_eq!(next(&mut clock).await, None, "they have not grown");
}

#[tokio::test(start_paused = true)]
async fn a_peer_is_pinged_after_silence_and_lost_after_more_of_it() {
    let mut clock = clock(|config| config.keepalive = Keepalive::default());
    assert_eq!(next(&mut clock).await, Some((Tick::Ping, 20_000)));
    assert_eq!(next(&mut clock).await, Some((Tick::Silent, 20_000)));

    clock.observe(Traffic::new(1, 0), 0, false);
    advance(5 * SECOND).await;
    clock.observe(Traffic::new(1, 1), 0, false);
    assert_eq!(next(&mut clock).await, Some((Tick::Ping, 15_000)), "what this side sends is no life");
    advance(5 * SECOND).await;
    clock.observe(Traffic::new(2, 1), 0, false);
    assert_eq!(next(&mut clock).await, Some((Tick::Ping, 20_000)), "it has answered");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_is_not_pinged_and_stalls() {
    let mut clock = clock(|config| config.keepalive = Keepalive::default());
    let traffic = Traffic::new(0, 10);
    for _ in 0..2 {
        clock.observe(traffic, 0, true);
        advance(15 * SECOND).await;
    }
    clock.observe(traffic, 0, true);
    assert_eq!(next(&mut clock).await, Some((Tick::Stalled, 0)));
    // It has read something.
    clock.observe(Traffic::new(0, 11), 0, true);
    advance(15 * SECOND).await;
    clock.observe(Traffic::new(0, 11), 0, true);
    assert_eq!(next(&mut clock).await, Some((Tick::Stalled, 15_000)));
    clock.observe(Traffic::new(0, 12), 0, false);
    assert_eq!(next(&mut clock).await, Some((Tick::Ping, 5_000)), "since it was blocked last");
}

#[tokio::test(start_paused = true)]
async fn half_a_message_is_late_after_its_timeout_but_not_while_this_side_cannot_write() {
    let mut clock = clock(|config| config.limits.message_timeout = 10 * SECOND);
    clock.observe(Traffic::new(10, 0), 5, false);
    advance(4 * SECOND).await;
    clock.observe(Traffic::new(11, 0), 6, false);
    assert_eq!(next(&mut clock).await, Some((Tick::HalfMessage, 6_000)));
    clock.observe(Traffic::new(11, 0), 6, true);
    clock.observe(Traffic::new(11, 0), 6, false);
    assert_eq!(next(&mut clock).await, Some((Tick::HalfMessage, 10_000)));
    clock.observe(Traffic::new(12, 0), 0, false);
    assert_eq!(next(&mut clock).await, None, "it is whole");
}

#[tokio::test(start_paused = true)]
async fn open_calls_are_looked_at_as_long_as_there_are_some() {
    let mut clock = clock(|config| config.warn_open_after = Some(10 * SECOND));
    clock.watch_open();
    advance(SECOND).await;
    clock.watch_open();
    assert_eq!(next(&mut clock).await, Some((Tick::Look, 4_000)));
    assert_eq!(next(&mut clock).await, None);
    clock.watch_open();
    assert_eq!(next(&mut clock).await, Some((Tick::Look, 5_000)));
}

#[tokio::test(start_paused = true)]
async fn what_is_due_first_comes_first() {
    let mut clock = clock(|config| config.warn_open_after = Some(10 * SECOND));
    let close = Some(Instant::now() + 3 * SECOND);
    clock.watch_open();
    clock.grown();
    assert_eq!(next_before(&mut clock, close).await, Some((Tick::Idle, 1_000)));
    assert_eq!(next_before(&mut clock, close).await, Some((Tick::Close, 2_000)));
    assert_eq!(next(&mut clock).await, Some((Tick::Look, 2_000)));
}

#[tokio::test(start_paused = true)]
async fn control_frames_are_counted_by_the_second() {
    let mut clock = clock(|config| config.limits.max_control_rate = 2);
    for _ in 0..2 {
        assert_eq!([(); 3].map(|()| clock.control_frame()), [true, true, false]);
        advance(SECOND - Duration::from_millis(1)).await;
        assert!(!clock.control_frame());
        advance(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_trip_is_that_of_the_last_ping_and_counts_once() {
    let mut clock = clock(|_| {});
    let first = clock.ping();
    advance(SECOND).await;
    let second = clock.ping();
    assert_ne!(first, second);
    advance(SECOND).await;
    assert_eq!(clock.round_trip(&first), None);
    assert_eq!(clock.round_trip(b"anything"), None);
    assert_eq!(clock.round_trip(&second), Some(SECOND));
    assert_eq!(clock.round_trip(&second), None);
}

#[tokio::test(start_paused = true)]
async fn a_duration_may_be_as_long_as_it_likes() {
    let mut clock = clock(|config| config.warn_open_after = Some(Duration::MAX));
    clock.watch_open();
    assert_eq!(next(&mut clock).await, None);
}

#[tokio::test(start_paused = true)]
async fn the_timer_is_told_although_the_tasks_budget_is_spent() {
    let mut clock = Clock::new(&Config::default());
    let start = Instant::now();
    let at = start + Duration::from_secs(10);
    let mut spent = false;
    let fired = tokio::spawn(async move {
        poll_fn(|cx| {
            if !std::mem::replace(&mut spent, true) {
                while pin!(consume_budget()).poll(cx).is_ready() {}
            }
            clock.poll_until(at, cx)
        })
        .await;
        start.elapsed()
    });
    let fired = tokio::time::timeout(Duration::from_secs(3600), fired).await;
    assert_eq!(fired.expect("it fires").expect("no panic").as_secs(), 10);
}
