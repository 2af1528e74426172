//! What a peer may send of our subscriptions, and when.

use proptest::prelude::*;

use super::*;
use crate::message::Totals;
use crate::multiplexer::outgoing_subscriptions_model::{self, Step};

pub(super) type Table = OutgoingSubscriptions<&'static str>;

const WINDOW: Totals = Totals { items: 4, bytes: 1000 };

pub(super) fn subscribe(notify: &str, drop_oldest: bool) -> Subscribe {
    let unsubscribe = notify.replace("subscription", "unsubscribe").into();
    Subscribe { notify: notify.into(), unsubscribe, window: WINDOW, drop_oldest }
}

pub(super) fn table() -> Table {
    Table::new(1 << 20)
}

/// A call that subscribes to `eth_subscription`.
pub(super) fn open(table: &mut Table, call: u64) {
    table.open_call(call, subscribe("eth_subscription", false));
}

pub(super) fn open_newest(table: &mut Table, call: u64) {
    table.open_call(call, subscribe("eth_subscription", true));
}

/// A call that subscribes to another method's notifications.
pub(super) fn open_other(table: &mut Table, call: u64) {
    table.open_call(call, subscribe("other_subscription", false));
}

pub(super) fn notify(table: &mut Table, id: &str, item: &str) -> Taken<&'static str> {
    let params = format!(r#"{{"subscription":{id},"result":{item}}}"#);
    table.handle_notification("eth_subscription", Some(&params))
}

/// Sends these numbers as items.
pub(super) fn notify_each(table: &mut Table, id: &str, items: std::ops::Range<u64>) {
    items.for_each(|item| drop(notify(table, id, &item.to_string())));
}

pub(super) fn fail(table: &mut Table, id: &str, error: &str) -> Taken<&'static str> {
    let params = format!(r#"{{"subscription":{id},"error":{error}}}"#);
    table.handle_notification("eth_subscription", Some(&params))
}

pub(super) fn reply(table: &mut Table, call: u64, result: &str) -> Option<Unsubscribe> {
    let (replied, unsubscribe) = table.handle_reply(call, Some(result));
    assert_eq!(replied, Replied::Done);
    unsubscribe
}

/// All that is to be read, as texts.
pub(super) fn read(table: &mut Table, call: u64) -> Vec<String> {
    let mut read = Vec::new();
    loop {
        match table.poll_next(call, &mut Some("consumer")) {
            Poll::Pending => return read,
            Poll::Ready(NextUpdate::Item(item)) => read.push(String::from_utf8_lossy(&item).into()),
            Poll::Ready(NextUpdate::Missed(missed)) => read.push(format!("missed {missed}")),
            Poll::Ready(NextUpdate::End(end)) => {
                read.push(match end {
                    End::Error(error) => format!("error {}", error.message()),
                    end => format!("{end:?}"),
                });
                return read;
            }
        }
    }
}

fn numbers(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

pub(super) const KEPT: Taken<&str> = Taken::Ours(None, None);

#[test]
fn what_comes_before_the_reply_comes_first() {
    let mut table = table();
    open(&mut table, 1);
    for item in 0..32 {
        assert_eq!(notify(&mut table, "\"0x1\"", &item.to_string()), KEPT);
    }
    assert_eq!(notify(&mut table, "\"0x2\"", "99"), KEPT, "it may be of the call, too");
    assert_eq!(reply(&mut table, 1, "\"0x1\""), None);
    assert_eq!(notify(&mut table, "\"0x2\"", "99"), Taken::NotOurs);
    assert_eq!(read(&mut table, 1), numbers(0..32));
    assert_eq!(notify(&mut table, "\"0x1\"", "32"), Taken::Ours(Some("consumer"), None));
    assert_eq!(read(&mut table, 1), ["32"]);
    assert!(table.drop_consumer(1).is_some());
}

#[test]
fn a_notification_is_of_nobody_without_a_call_that_subscribes() {
    let mut table = table();
    assert_eq!(notify(&mut table, "1", "0"), Taken::NotOurs);
    open_other(&mut table, 1);
    assert_eq!(notify(&mut table, "1", "0"), Taken::NotOurs);
    assert!(table.handle_reply(1, None).1.is_none());
    assert!(table.is_at_rest());
}

#[test]
fn the_items_that_were_kept_come_before_lagged() {
    let mut table = table();
    open(&mut table, 1);
    for item in 0..40 {
        notify(&mut table, "1", &item.to_string());
    }
    let left = reply(&mut table, 1, "1").expect("the peer is told");
    assert_eq!((&*left.method, left.id.to_string()), ("eth_unsubscribe", "1".to_owned()));
    table.unsubscribed(left, 2);
    assert_eq!(notify(&mut table, "1", "40"), KEPT, "nobody hears of it");
    let mut expected = numbers(0..32);
    expected.push("Lagged { missed: 9 }".into());
    assert_eq!(read(&mut table, 1), expected);
    assert_eq!(table.drop_consumer(1), None, "the peer has been told");
    assert_eq!(reply(&mut table, 2, "true"), None);
    assert!(table.is_at_rest());
}

#[test]
fn early_items_are_bounded_in_bytes_and_a_large_one_is_kept() {
    let mut table = table();
    open(&mut table, 1);
    let large = "1".repeat(100 << 10);
    notify(&mut table, "1", &large);
    notify(&mut table, "1", "2");
    assert!(reply(&mut table, 1, "1").is_some());
    assert_eq!(read(&mut table, 1), [large, "Lagged { missed: 1 }".into()]);
}

#[test]
fn items_that_were_dropped_among_unknown_ids_may_have_been_of_any() {
    let mut table = table();
    open(&mut table, 1);
    open(&mut table, 2);
    (0..32).for_each(|id| drop(notify(&mut table, &id.to_string(), "0")));
    notify(&mut table, "32", "0");
    assert_eq!(reply(&mut table, 1, "31"), None);
    assert_eq!(read(&mut table, 1), ["0"]);
    assert!(reply(&mut table, 2, "32").is_some());
    assert_eq!(read(&mut table, 2), ["Lagged { missed: 1 }"]);
    open(&mut table, 3);
    assert_eq!(reply(&mut table, 3, "33"), None, "the count is gone with those who waited");
}

#[test]
fn one_that_drops_the_oldest_says_where_items_are_missing() {
    let mut table = table();
    open_newest(&mut table, 1);
    notify_each(&mut table, "1", 0..40);
    assert_eq!(reply(&mut table, 1, "1"), None);
    let mut expected = vec!["missed 8".to_owned()];
    expected.extend(numbers(8..40));
    assert_eq!(read(&mut table, 1), expected);
    (0..10)
        .for_each(|item| assert!(matches!(notify(&mut table, "1", &item.to_string()), Taken::Ours(_, None))));
    assert_eq!(read(&mut table, 1), ["missed 6", "6", "7", "8", "9"]);
    // Of one that has had nothing, and a large one.
    notify(&mut table, "1", &"1".repeat(2000));
    notify(&mut table, "1", "2");
    assert_eq!(read(&mut table, 1), ["missed 1", "2"]);
    table.check_bounds(2000);
}

#[test]
fn an_unread_subscription_keeps_what_it_may_and_ends() {
    let mut table = table();
    open(&mut table, 1);
    reply(&mut table, 1, "1");
    (0..4).for_each(|item| assert_eq!(notify(&mut table, "1", &item.to_string()), KEPT));
    let Taken::Ours(None, Some(left)) = notify(&mut table, "1", "4") else { panic!("it is full") };
    table.unsubscribed(left, 2);
    assert_eq!(notify(&mut table, "1", "5"), KEPT);
    assert_eq!(read(&mut table, 1), ["0", "1", "2", "3", "Lagged { missed: 2 }"]);
}

#[test]
fn what_all_hold_is_bounded() {
    let mut table = Table::new(1000);
    for call in 1..=10 {
        open_newest(&mut table, call);
        reply(&mut table, call, &call.to_string());
    }
    let item = "1".repeat(300);
    for _ in 0..3 {
        (1..=10).for_each(|id| drop(notify(&mut table, &id.to_string(), &item)));
        table.check_bounds(300);
    }
    assert_eq!(read(&mut table, 10), ["missed 3"]);
    (1..=10).for_each(|call| drop(table.drop_consumer(call)));
    table.check_bounds(0);
}

#[test]
fn an_error_ends_it_behind_its_items_and_nobody_is_told() {
    let mut table = table();
    open(&mut table, 1);
    notify(&mut table, "1", "0");
    fail(&mut table, "1", r#"{"code":7,"message":"over"}"#);
    notify(&mut table, "1", "1");
    assert_eq!(reply(&mut table, 1, "1"), None);
    assert_eq!(read(&mut table, 1), ["0", "error over"]);

    open(&mut table, 2);
    reply(&mut table, 2, "2");
    assert_eq!(read(&mut table, 2), Vec::<String>::new());
    assert_eq!(fail(&mut table, "2", "\"slow\""), Taken::Ours(Some("consumer"), None));
    assert_eq!(notify(&mut table, "2", "1"), Taken::NotOurs);
    assert_eq!(table.drop_consumer(2), None);
    assert!(table.is_at_rest());
}

#[test]
fn birpc_s_own_lag_is_told_as_such() {
    let mut table = table();
    for (call, data, end) in [
        (1, r#"{"kind":"lagged","missed":3}"#, "Lagged { missed: 3 }"),
        (2, r#"{"kind":"other","missed":3}"#, "error m"),
    ] {
        open(&mut table, call);
        reply(&mut table, call, &call.to_string());
        fail(&mut table, &call.to_string(), &format!(r#"{{"code":-32006,"message":"m","data":{data}}}"#));
        assert_eq!(read(&mut table, call), [end]);
    }
}

#[test]
fn a_notification_that_is_neither_item_nor_error_ends_it_and_the_peer_is_told() {
    for early in [true, false] {
        let mut table = table();
        open(&mut table, 1);
        let malformed = Some(r#"{"subscription":1}"#);
        let left = match early {
            true => {
                table.handle_notification("eth_subscription", malformed);
                reply(&mut table, 1, "1")
            }
            false => {
                reply(&mut table, 1, "1");
                match table.handle_notification("eth_subscription", malformed) {
                    Taken::Ours(_, left) => left,
                    Taken::NotOurs => None,
                }
            }
        };
        assert_eq!(left.expect("the peer is told").id.to_string(), "1");
        assert!(read(&mut table, 1)[0].starts_with("Undecodable"));
    }
}

#[test]
fn a_call_that_is_given_up_leaves_what_its_reply_opens() {
    let mut table = table();
    open(&mut table, 1);
    assert_eq!(table.give_up(1, true), None);
    assert_eq!(notify(&mut table, "7", "1"), KEPT, "it is of nobody else");
    let left = reply(&mut table, 1, "7").expect("the peer is told");
    assert_eq!((&*left.method, left.id.to_string()), ("eth_unsubscribe", "7".to_owned()));
    open(&mut table, 2);
    assert_eq!(table.give_up(2, false), None);
    assert_eq!(table.handle_reply(2, Some("8")).0, Replied::NotOurs, "it was never sent");
    open(&mut table, 3);
    table.give_up(3, true);
    assert_eq!(table.handle_reply(3, None), (Replied::Done, None));
    assert!(table.is_at_rest());
}

#[test]
fn an_endless_number_of_calls_that_are_given_up_is_not_remembered() {
    let mut table = table();
    for call in 0..10_000 {
        open(&mut table, call);
        table.give_up(call, true);
        open(&mut table, 10_000 + call);
        reply(&mut table, 10_000 + call, &call.to_string());
        let left = table.drop_consumer(10_000 + call).expect("the peer is told");
        table.unsubscribed(left, 20_000 + call);
        table.check_bounds(0);
    }
    table.disconnect();
    assert!(table.is_at_rest());
}

#[test]
fn a_lost_connection_ends_all_behind_their_items() {
    let mut table = table();
    open(&mut table, 1);
    reply(&mut table, 1, "1");
    assert_eq!(read(&mut table, 1), Vec::<String>::new());
    notify(&mut table, "1", "0");
    open(&mut table, 2);
    reply(&mut table, 2, "2");
    assert_eq!(read(&mut table, 2), Vec::<String>::new());
    assert_eq!(table.disconnect(), ["consumer"]);
    assert_eq!(table.live(), 0);
    assert_eq!(read(&mut table, 1), ["0", "Disconnected"]);
    assert_eq!(table.drop_consumer(2), None);
    assert!(table.is_at_rest());
}

#[test]
fn a_cancel_drops_what_came_before() {
    let mut table = table();
    open(&mut table, 1);
    reply(&mut table, 1, "1");
    notify(&mut table, "1", "0");
    let (_, left) = table.cancel(1);
    assert!(left.is_some());
    assert_eq!(table.cancel(1), (None, None));
    assert_eq!(read(&mut table, 1), ["Cancelled"]);
    assert_eq!(read(&mut table, 1), ["Disconnected"], "it is gone");
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => any::<(bool, bool)>().prop_map(|(notify, drop_oldest)| Step::Call { notify, drop_oldest }),
        3 => (0..24u8, any::<u8>()).prop_map(|(call, result)| Step::Reply { call, result }),
        8 => (any::<bool>(), any::<u8>(), any::<u8>())
            .prop_map(|(notify, id, content)| Step::Notify { notify, id, content }),
        4 => any::<u8>().prop_map(Step::Consume),
        1 => any::<u8>().prop_map(Step::Drop),
        1 => any::<u8>().prop_map(Step::Cancel),
        1 => Just(Step::Disconnect),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_peer_that_does_anything_breaks_nothing(steps in prop::collection::vec(steps(), 0..120)) {
        outgoing_subscriptions_model::check(steps);
    }
}
