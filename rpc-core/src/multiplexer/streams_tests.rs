//! What a peer may do that this side never does, and what the models do not say.

use super::*;
use crate::message::{ErrorCode, ErrorObject};
use crate::multiplexer::streams_model::{self, Step};
use bytes::Bytes;
use proptest::prelude::*;
use std::task::Poll;

pub(super) type Table = Streams<&'static str>;

const WINDOW: Totals = Totals { items: 2, bytes: 100 };

pub(super) fn table() -> Table {
    Table::new(StreamLimits { max_streams: 2, max_stream_bytes: 1000, window: WINDOW })
}

pub(super) fn id(text: &str) -> Id {
    Id::from_json(text).expect("an id")
}

pub(super) fn items(count: usize) -> Vec<Bytes> {
    vec![Bytes::from_static(b"1234567890"); count]
}

/// A call of ours with a result, and with arguments of these numbers; its request has gone.
pub(super) fn call(table: &mut Table, number: u64, arguments: &[u16]) -> CallStreams {
    let (streams, credit) = table.open_call(number, Some(WINDOW), arguments);
    assert_eq!(credit, Some(WINDOW));
    table.call_sent(number);
    streams
}

pub(super) fn next(table: &mut Table, key: Option<Key>) -> Poll<Next> {
    table.poll_next(key.expect("a result"), &mut Some("consumer")).0
}

pub(super) fn ended(end: End) -> Poll<Next> {
    Poll::Ready(Next::End(end))
}

pub(super) fn item() -> Poll<Next> {
    Poll::Ready(Next::Item(items(1).remove(0)))
}

#[test]
fn more_items_than_were_granted_end_the_call() {
    let mut table = table();
    let streams = call(&mut table, 7, &[0]);
    assert!(next(&mut table, streams.result).is_pending());
    assert_eq!(table.poll_credit(streams.arguments[0], &mut Some("producer")), Poll::Ready(Ok(())));
    assert!(table.poll_halted(streams.arguments[0], &mut Some("producer")).is_pending());
    let received = table.handle_items(7, items(3));
    assert!(received.excess, "two were granted");
    assert_eq!((received.waker, received.others), (Some("consumer"), vec!["producer"]));
    assert_eq!((next(&mut table, streams.result), next(&mut table, streams.result)), (item(), item()));
    assert_eq!(next(&mut table, streams.result), ended(End::excess()));
    assert_eq!(
        table.poll_credit(streams.arguments[0], &mut Some("producer")),
        Poll::Ready(Err(Halt::CallOver))
    );
    // What comes late is of no call.
    assert!(!table.handle_items(7, items(1)).excess);
    assert!(table.handle_reply(7, &End::Complete).is_empty());
    assert_eq!(table.end_argument(streams.arguments[0]).0, None);
    assert!(table.is_at_rest());
}

#[test]
fn more_pushes_than_were_granted_fail_the_call() {
    let mut table = table();
    let call = id("\"a\"");
    let streams = table.accept_call(&call, Some(WINDOW), &[3]).expect("there is room");
    assert!(table.open_result(streams.result.expect("a result"), false));
    assert!(table.poll_halted(streams.result.expect("a result"), &mut Some("producer")).is_pending());
    assert_eq!(table.handle_push(&call, 3, items(16)).failed, None);
    let pushed = table.handle_push(&call, 3, items(1));
    assert_eq!((pushed.failed, pushed.others), (Some(Failed::Excess), vec!["producer"]));
    assert_eq!(Failed::Excess.error().framework_code(), Some(ErrorCode::InvalidRequest));
    assert_eq!(table.poll_next(streams.arguments[0], &mut None).0, ended(End::Cancelled));
    assert_eq!(table.handle_push(&call, 3, items(1)).failed, None, "it is over already");
    table.finish_call(&call);
    assert!(table.is_at_rest());
}

#[test]
fn arguments_hold_no_more_than_they_may_together() {
    let mut table = table();
    let call = |number: usize| id(&number.to_string());
    for number in 0..7 {
        table.accept_call(&call(number), None, &[0]).expect("arguments are not counted");
    }
    let push = |table: &mut Table, number| table.handle_push(&call(number), 0, items(16)).failed;
    assert!((0..6).all(|number| push(&mut table, number).is_none()), "of 1000 bytes are 960 there");
    // The item that exceeds the limit is still kept, the next is not.
    assert_eq!(push(&mut table, 6), Some(Failed::Limit));
    assert_eq!(Failed::Limit.error().framework_code(), Some(ErrorCode::LimitExceeded));
    table.finish_call(&call(6));
    table.check_bounds(10);
    table.finish_call(&call(5));
    assert_eq!(table.handle_push(&call(5), 0, items(1)).failed, None, "the call is over");
    (0..5).for_each(|number| drop(table.finish_call(&call(number))));
    // The handlers' own streams are still there, until they are dropped.
    assert_eq!(table.len(), (0, 7));
    (1..8).for_each(|key| assert_eq!(table.drop_receiving(key).0, Farewell::Nothing));
    assert!(table.is_at_rest());
}

#[test]
fn words_about_something_else_are_ignored() {
    let mut table = table();
    let ours = call(&mut table, 7, &[0]);
    let theirs = table.accept_call(&id("7"), Some(Totals::default()), &[1]).expect("there is room");
    let most = Totals { items: u64::MAX, bytes: u64::MAX };
    assert!(!table.handle_items(8, items(9)).excess, "no such call");
    assert_eq!(table.handle_push(&id("\"7\""), 1, items(99)).failed, None, "another id");
    assert_eq!(table.handle_push(&id("7"), 0, items(99)).failed, None, "an argument of ours");
    assert_eq!(table.handle_done(&id("7"), 0, None), None);
    assert_eq!(table.handle_more(&id("8"), most), None);
    assert_eq!((table.handle_want(7, 1, most), table.handle_stop(7, 1)), (None, None));
    assert!(next(&mut table, ours.result).is_pending());
    assert!(table.poll_next(theirs.arguments[0], &mut None).0.is_pending());
    assert_eq!(table.poll_credit(ours.arguments[0], &mut None), Poll::Ready(Ok(())));
    assert_eq!(table.poll_credit(theirs.result.expect("a result"), &mut None), Poll::Pending);
}

#[test]
fn a_word_behind_the_end_changes_nothing() {
    let mut table = table();
    let streams = table.accept_call(&id("7"), None, &[1]).expect("there is room");
    table.handle_push(&id("7"), 1, items(1));
    table.handle_done(&id("7"), 1, Some(r#"{"code":7,"message":"no"}"#));
    assert_eq!(table.handle_push(&id("7"), 1, items(99)).failed, None);
    assert_eq!(table.handle_done(&id("7"), 1, None), None);
    let poll = |table: &mut Table| table.poll_next(streams.arguments[0], &mut None).0;
    assert_eq!(poll(&mut table), item());
    assert_eq!(poll(&mut table), ended(End::Error(Box::new(ErrorObject::new(7, "no")))));
    assert_eq!(poll(&mut table), ended(End::Disconnected), "and once more it is no clean end");
}

#[test]
fn what_an_argument_is_stopped_for_is_no_excess() {
    let mut table = table();
    let streams = table.accept_call(&id("7"), None, &[1]).expect("there is room");
    table.handle_push(&id("7"), 1, items(16));
    let (farewell, _) = table.drop_receiving(streams.arguments[0]);
    assert_eq!(farewell, Farewell::Stop(id("7"), 1));
    assert_eq!(table.handle_push(&id("7"), 1, items(99)).failed, None);
    table.finish_call(&id("7"));
    assert!(table.is_at_rest());
}

#[test]
fn a_result_without_an_item_is_empty_and_an_error_opens_nothing() {
    let mut table = table();
    let (empty, refused) = (call(&mut table, 1, &[]), call(&mut table, 2, &[]));
    let open = |table: &mut Table, streams: &CallStreams| {
        table.poll_open(streams.result.expect("a result"), &mut Some("caller"))
    };
    assert!(open(&mut table, &empty).is_pending());
    assert_eq!(table.handle_reply(1, &End::Complete), ["caller"]);
    assert_eq!(open(&mut table, &empty), Poll::Ready(Ok(())));
    assert_eq!(next(&mut table, empty.result), ended(End::Complete));
    let error = End::of_error(ErrorObject::new(8, "no"));
    table.handle_reply(2, &error);
    assert_eq!(open(&mut table, &refused), Poll::Ready(Err(error)));
    assert!(table.is_at_rest());
}

#[test]
fn results_are_counted_from_the_request_to_the_reply() {
    let mut table = table();
    let accept = |table: &mut Table, number: &str| table.accept_call(&id(number), Some(WINDOW), &[]);
    accept(&mut table, "1").expect("one");
    accept(&mut table, "2").expect("two");
    assert_eq!(accept(&mut table, "3"), Err(TooManyStreams));
    table.accept_call(&id("4"), None, &[0]).expect("it has no result");
    table.cancel_incoming(&id("1"));
    assert_eq!(accept(&mut table, "3"), Err(TooManyStreams), "its handler may still run");
    table.finish_call(&id("1"));
    accept(&mut table, "3").expect("one has ended");
}

#[test]
fn a_stream_has_so_much_in_the_queue_and_no_more() {
    let mut table = table();
    let most = Totals { items: u64::MAX, bytes: u64::MAX };
    let key = table.accept_call(&id("1"), Some(most), &[]).expect("there is room").result;
    let key = key.expect("a result");
    table.open_result(key, false);
    assert!(table.spend(key, 60 << 10), "there is room for one more");
    assert!(!table.spend(key, 60 << 10));
    assert!(table.poll_credit(key, &mut Some("producer")).is_pending());
    assert_eq!(table.written(key, 1), None);
    assert_eq!(table.written(key, 60 << 10), Some("producer"));
    assert_eq!(table.poll_credit(key, &mut None), Poll::Ready(Ok(())));
}

#[test]
fn an_argument_whose_request_has_not_gone_is_untouched() {
    let mut table = table();
    let (streams, _) = table.open_call(1, None, &[0]);
    let sent = call(&mut table, 2, &[0]);
    let key = streams.arguments[0];
    assert!(table.poll_started(key, &mut Some("producer")).is_pending());
    assert!(table.poll_credit(key, &mut Some("producer")).is_pending());
    assert_eq!(table.disconnect(), ["producer"]);
    assert_eq!(table.poll_started(key, &mut None), Poll::Ready(Err(Halt::Unsent)));
    assert_eq!(table.poll_started(sent.arguments[0], &mut None), Poll::Ready(Err(Halt::Disconnected)));
}

#[test]
fn what_came_before_the_connection_ended_is_there() {
    let mut table = table();
    let streams = call(&mut table, 1, &[]);
    table.handle_items(1, items(1));
    table.disconnect();
    assert_eq!(next(&mut table, streams.result), item());
    assert_eq!(next(&mut table, streams.result), ended(End::Disconnected));
    // An end that had come stands.
    let mut table = self::table();
    let streams = call(&mut table, 1, &[]);
    table.handle_reply(1, &End::Complete);
    table.disconnect();
    assert_eq!(next(&mut table, streams.result), ended(End::Complete));
}

#[test]
fn ends_are_told_apart() {
    assert_eq!(End::of_done(None), End::Complete);
    assert_eq!(End::of_done(Some(r#"{"code":-32800,"message":""}"#)), End::Cancelled);
    let lagged = r#"{"code":-32006,"message":"","data":{"kind":"lagged","missed":9}}"#;
    assert_eq!(End::of_done(Some(lagged)), End::Lagged { missed: 9 });
    assert_eq!(End::of_done(Some(r#"{"code":-32006,"message":""}"#)), End::Lagged { missed: 0 });
    for error in ["null", "{}", "7", r#"{"code":"7","message":""}"#, "\"no\"", "[]"] {
        assert!(matches!(End::of_done(Some(error)), End::Undecodable(_)), "{error}");
    }
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (any::<bool>(), any::<u8>()).prop_map(|(result, arguments)| Step::Call { result, arguments }),
        1 => (0..8u8).prop_map(Step::Sent),
        1 => (0..8u8).prop_map(Step::Cancel),
        1 => (0..4u8, prop::option::of(0..5u8), any::<u8>())
            .prop_map(|(id, result, arguments)| Step::Request { id, result, arguments }),
        1 => (0..4u8).prop_map(Step::Return),
        1 => (0..4u8).prop_map(Step::Answer),
        4 => (any::<u8>(), 0..6u8, 0..3u8, any::<u8>())
            .prop_map(|(word, id, stream, count)| Step::Word { word, id, stream, count }),
        4 => any::<u8>().prop_map(Step::Consume),
        1 => any::<u8>().prop_map(Step::Drop),
        2 => any::<u8>().prop_map(Step::Produce),
        1 => any::<u8>().prop_map(Step::End),
        1 => Just(Step::Drain),
        1 => Just(Step::Disconnect),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_peer_that_does_anything_breaks_nothing(steps in prop::collection::vec(steps(), 0..80)) {
        streams_model::check(steps);
    }
}

#[test]
fn the_model_notices_what_is_broken() {
    use Breakage::{CancelIsClean, DisconnectIsClean, DoneForgetsItsError, NamesOutliveTheirCall};
    use proptest::test_runner::{Config, TestRunner};
    for breakage in [CancelIsClean, DisconnectIsClean, DoneForgetsItsError, NamesOutliveTheirCall] {
        let config = Config { max_shrink_iters: 0, failure_persistence: None, ..Config::with_cases(2000) };
        let noticed = TestRunner::new(config).run(&prop::collection::vec(steps(), 0..80), |steps| {
            let check = std::panic::AssertUnwindSafe(|| streams_model::check(steps));
            prop_assert!(Breakage::during(Some(breakage), || std::panic::catch_unwind(check).is_ok()));
            Ok(())
        });
        assert!(noticed.is_err(), "{breakage:?}");
    }
}

#[test]
fn an_argument_is_granted_its_window_when_it_is_first_read() {
    let window = Totals { items: 64, bytes: 256 << 10 };
    let mut table = Table::new(StreamLimits { max_streams: 9, max_stream_bytes: 16 << 20, window });
    let key = table.accept_call(&id("7"), None, &[1]).expect("there is room").arguments[0];
    let (next, grant) = table.poll_next(key, &mut Some("handler"));
    assert!(next.is_pending());
    assert_eq!(grant, Some(Grant { name: Name::Incoming(id("7"), Some(1)), total: window }));
    assert_eq!(table.poll_next(key, &mut Some("handler")).1, None);
}

#[test]
fn a_thousand_idle_results_leave_room_for_one_that_is_read() {
    let window = Totals { items: 64, bytes: 256 << 10 };
    let mut table = Table::new(StreamLimits { max_streams: 9, max_stream_bytes: 16 << 20, window });
    let granted = |(_, credit): (CallStreams, Option<Totals>)| credit.expect("a result").bytes;
    let idle: u64 = (0..1024).map(|number| granted(table.open_call(number, Some(window), &[]))).sum();
    assert_eq!(idle, (16 << 20) + 1024 * (16 << 10), "the pot is empty, and each has its floor");
    let (live, credit) = table.open_call(2000, Some(window), &[]);
    let mut left = credit.expect("a result").bytes;
    let text = Bytes::from(vec![b'1'; 1000]);
    for item in 0..1000 {
        assert!(left > 0, "stuck at item {item}");
        assert!(!table.handle_items(2000, [text.clone()]).excess);
        left = left.saturating_sub(1000);
        let (next, grant) = table.poll_next(live.result.expect("a result"), &mut None);
        assert_eq!(next, Poll::Ready(Next::Item(text.clone())));
        left += grant.map_or(0, |grant| grant.total.bytes - (item + 1) * 1000 - left);
    }
}
