//! The ids that a peer gives to subscriptions.

use super::tests::{KEPT, notify, open, open_other, read, reply, table};
use super::{Replied, Taken};

#[test]
fn ids_belong_to_the_method_of_their_notifications() {
    let mut table = table();
    open(&mut table, 1);
    open_other(&mut table, 2);
    reply(&mut table, 1, "7");
    reply(&mut table, 2, "7");
    notify(&mut table, "7", "1");
    notify(&mut table, "\"7\"", "2");
    assert_eq!((read(&mut table, 1), read(&mut table, 2)), (vec!["1".to_owned()], vec![]));
    let left = table.drop_consumer(2).expect("the peer is told");
    assert_eq!(&*left.method, "other_unsubscribe");
    notify(&mut table, "7", "3");
    assert_eq!(read(&mut table, 1), ["3"]);
}

#[test]
fn a_result_that_is_no_id_opens_nothing() {
    let mut table = table();
    for (call, result) in (1..).zip(["null", "true", "{}", "[\"0x1\"]", "\"\\ud800\""]) {
        open(&mut table, call);
        let (replied, left) = table.handle_reply(call, Some(result));
        assert!(matches!(replied, Replied::Invalid(_)) && left.is_none(), "{result}");
    }
    open(&mut table, 90);
    let id = format!("\"{}\"", "x".repeat(2000));
    let (replied, left) = table.handle_reply(90, Some(&id));
    assert!(matches!(replied, Replied::Invalid(_)));
    assert_eq!(left, None, "such an id is not sent back");
    assert_eq!(notify(&mut table, &id, "1"), Taken::NotOurs);
    open(&mut table, 91);
    table.give_up(91, true);
    assert_eq!(table.handle_reply(91, Some(&id)), (Replied::Done, None));
    assert!(table.is_at_rest());
}

#[test]
fn an_id_is_one_subscription_s_at_a_time() {
    let mut table = table();
    open(&mut table, 1);
    open(&mut table, 2);
    reply(&mut table, 1, "7");
    let (replied, left) = table.handle_reply(2, Some("7"));
    assert!(matches!(replied, Replied::Invalid(_)) && left.is_none(), "that would end the first");
    notify(&mut table, "7", "1");
    assert_eq!(read(&mut table, 1), ["1"]);
    // Once it is left, the peer may give it again, before it has answered.
    let left = table.drop_consumer(1).expect("the peer is told");
    table.unsubscribed(left, 3);
    assert_eq!(notify(&mut table, "7", "2"), KEPT);
    open(&mut table, 4);
    reply(&mut table, 4, "7");
    notify(&mut table, "7", "3");
    assert_eq!(read(&mut table, 4), ["3"]);
    reply(&mut table, 3, "true");
    notify(&mut table, "7", "4");
    assert_eq!(read(&mut table, 4), ["4"]);
}
