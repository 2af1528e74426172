//! What streams hold of the limits of their connection, and which calls have some.

use std::task::Poll;

use super::tests::{Table, call, ended, id, item, items, table};
use super::*;
use crate::message::ErrorObject;

#[test]
fn a_stream_may_queue_64_kib_and_what_exceeds_them_last() {
    let mut table = table();
    let most = Totals { items: u64::MAX, bytes: u64::MAX };
    let key = table.accept_call(&id("1"), Some(most), &[]).expect("there is room").result;
    let key = key.expect("a result");
    table.open_result(key, false);
    assert!(table.spend(key, (64 << 10) - 1));
    assert!(!table.spend(key, 2));
    assert!(table.poll_credit(key, &mut Some("producer")).is_pending());
    assert_eq!(table.written(key, 1), None, "64 KiB are still queued");
    assert_eq!(table.written(key, 1), Some("producer"));
    assert!(!table.spend(key, 1));
}

#[test]
fn arguments_that_are_read_hold_nothing() {
    let mut table = table();
    let key = table.accept_call(&id("7"), None, &[1]).expect("there is room").arguments[0];
    for _ in 0..200 {
        assert_eq!(
            table.handle_push(&id("7"), 1, items(1)).failed,
            None,
            "of 1000 bytes at most 10 are held"
        );
        assert_eq!(table.poll_next(key, &mut None).0, item());
    }
    table.handle_done(&id("7"), 1, None);
    assert_eq!(table.poll_next(key, &mut None).0, ended(End::Complete));
    table.finish_call(&id("7"));
    assert!(table.is_at_rest());
}

#[test]
fn arguments_hold_the_limit_exactly() {
    let mut table = table();
    for number in 0..7 {
        table.accept_call(&id(&number.to_string()), None, &[0]).expect("arguments are not counted");
    }
    let push = |table: &mut Table, number: usize, count| {
        table.handle_push(&id(&number.to_string()), 0, items(count)).failed
    };
    assert!((0..6).all(|number| push(&mut table, number, 16).is_none()));
    assert_eq!(push(&mut table, 6, 4), None, "they are 1000 bytes");
    assert_eq!(push(&mut table, 6, 1), Some(Failed::Limit));
}

#[test]
fn a_result_is_opened_by_an_item_or_by_a_complete_end() {
    let mut table = table();
    let results = [1, 2, 3].map(|number| call(&mut table, number, &[]).result.expect("a result"));
    assert_eq!(results.map(|key| table.is_opened(key)), [false; 3]);
    table.handle_items(1, []);
    table.handle_reply(2, &End::Complete);
    table.handle_reply(3, &End::of_error(ErrorObject::new(8, "no")));
    assert_eq!(results.map(|key| table.is_opened(key)), [true, true, false]);
    table.handle_reply(1, &End::of_error(ErrorObject::new(8, "no")));
    assert!(table.is_opened(results[0]), "it failed after that");
}

#[test]
fn a_call_is_known_while_something_may_be_said_of_its_streams() {
    let mut table = table();
    table.open_call(1, None, &[]);
    assert!(!table.has_call(1), "it has no streams");
    let streams = call(&mut table, 2, &[0, 4]);
    assert_eq!(table.result_of(2), streams.result);
    assert!(table.poll_halted(streams.arguments[0], &mut Some("stopped")).is_pending());
    assert_eq!(table.handle_stop(2, 0), Some("stopped"));
    assert_eq!(table.poll_halted(streams.arguments[0], &mut None), Poll::Ready(Halt::Stopped));
    assert_eq!(table.handle_stop(2, 0), None, "it is stopped already");
    assert_eq!(table.end_argument(streams.arguments[1]).0, Some((2, 4)));
    assert!(table.has_call(2));
    table.handle_reply(2, &End::Complete);
    assert!(!table.has_call(2) && table.result_of(2).is_none());
    let (streams, _) = table.open_call(3, None, &[0]);
    table.call_sent(3);
    table.end_argument(streams.arguments[0]);
    assert!(!table.has_call(3), "its only argument has ended");
}

#[test]
fn a_stream_that_is_dropped_gives_its_window_back() {
    let window = Totals { items: 64, bytes: 256 << 10 };
    let mut table = Table::new(StreamLimits { max_streams: 9, max_stream_bytes: 16 << 20, window });
    let (streams, _) = table.open_call(1, Some(window), &[]);
    table.call_sent(1);
    assert_eq!(table.drop_receiving(streams.result.expect("a result")).0, Farewell::Cancel(1));
    assert!(table.is_at_rest());
}

#[test]
fn the_producer_of_a_result_wakes_when_the_connection_ends() {
    let mut table = table();
    let key = table.accept_call(&id("1"), Some(Totals::default()), &[]).expect("there is room").result;
    assert!(table.poll_credit(key.expect("a result"), &mut Some("producer")).is_pending());
    assert_eq!(table.disconnect(), ["producer"]);
}
