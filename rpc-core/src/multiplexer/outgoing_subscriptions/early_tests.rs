//! Items that are dropped before the reply of their subscription.

use super::tests::{fail, notify, notify_each, open, open_newest, open_other, read, reply, table};

#[test]
fn an_item_behind_a_dropped_one_is_a_part_of_the_gap() {
    let mut table = table();
    open(&mut table, 1);
    open(&mut table, 2);
    notify_each(&mut table, "1", 0..32);
    notify(&mut table, "2", "0");
    assert_eq!(reply(&mut table, 1, "1"), None);
    notify(&mut table, "2", "1");
    assert!(reply(&mut table, 2, "2").is_some());
    assert_eq!(read(&mut table, 2), ["Lagged { missed: 2 }"]);
}

#[test]
fn dropped_items_are_counted_until_no_call_is_unanswered() {
    let mut table = table();
    open(&mut table, 1);
    open_other(&mut table, 2);
    notify_each(&mut table, "1", 0..32);
    table.handle_notification("other_subscription", Some(r#"{"subscription":2,"result":0}"#));
    assert_eq!(reply(&mut table, 1, "1"), None);
    assert!(reply(&mut table, 2, "2").is_some());
    assert_eq!(read(&mut table, 2), ["Lagged { missed: 1 }"]);
}

#[test]
fn ids_whose_items_were_all_dropped_are_not_kept() {
    let mut table = table();
    open_newest(&mut table, 1);
    let large = "1".repeat(100 << 10);
    for id in 0..100 {
        for (id, item) in [(id, "0"), (1000, &*large), (id, "1"), (1000, "2")] {
            notify(&mut table, &id.to_string(), item);
        }
    }
    table.check_bounds(200 << 10);
}

#[test]
fn an_end_for_which_there_is_no_room_is_no_missing_item() {
    for newest in [false, true] {
        let mut table = table();
        if newest {
            open_newest(&mut table, 1)
        } else {
            open(&mut table, 1)
        }
        notify_each(&mut table, "1", 0..32);
        let data = "d".repeat(100 << 10);
        fail(&mut table, "1", &format!(r#"{{"code":7,"message":"over","data":"{data}"}}"#));
        fail(&mut table, "1", r#"{"code":8,"message":"again"}"#);
        notify(&mut table, "1", "32");
        table.check_bounds(0);
        assert_eq!(reply(&mut table, 1, "1"), None, "the peer has ended it");
        let mut expected: Vec<_> = (0..32).map(|item| item.to_string()).collect();
        expected.push("error over".into());
        assert_eq!(read(&mut table, 1), expected);
        assert!(table.is_at_rest());
    }
}

#[test]
fn an_end_behind_missing_items_ends_one_that_drops_the_oldest() {
    let mut table = table();
    open_newest(&mut table, 1);
    notify_each(&mut table, "1", 0..40);
    fail(&mut table, "1", "\"gone\"");
    assert_eq!(reply(&mut table, 1, "1"), None);
    let read = read(&mut table, 1);
    assert_eq!((read.len(), &*read[0], &*read[33]), (34, "missed 8", "error gone"));
    assert!(table.is_at_rest());
}

#[test]
fn a_lost_item_before_the_end_is_a_lag_and_the_peer_is_not_told() {
    let mut table = table();
    open(&mut table, 1);
    notify_each(&mut table, "1", 0..33);
    fail(&mut table, "1", "\"gone\"");
    assert_eq!(reply(&mut table, 1, "1"), None);
    assert_eq!(read(&mut table, 1)[32..], ["Lagged { missed: 1 }"]);
    assert!(table.is_at_rest());
}

#[test]
fn one_whose_end_may_be_among_those_of_unknown_ids_does_not_wait_for_ever() {
    let mut table = table();
    open_newest(&mut table, 1);
    open_newest(&mut table, 2);
    open_newest(&mut table, 3);
    notify_each(&mut table, "1", 0..32);
    notify(&mut table, "2", "0");
    fail(&mut table, "2", "\"gone\"");
    assert_eq!(reply(&mut table, 1, "1"), None);
    fail(&mut table, "3", "\"gone\"");
    for call in [2, 3] {
        let left = reply(&mut table, call, &call.to_string()).expect("the peer may still have it");
        assert_eq!(&*left.method, "eth_unsubscribe");
        assert_eq!(read(&mut table, call), ["Lagged { missed: 3 }"]);
    }
}

#[test]
fn what_is_missing_of_one_method_is_not_missing_of_another() {
    let mut table = table();
    open(&mut table, 1);
    open_other(&mut table, 2);
    (0..33).for_each(|id| drop(notify(&mut table, &id.to_string(), "0")));
    assert_eq!(reply(&mut table, 2, "2"), None);
    assert_eq!(read(&mut table, 2), Vec::<String>::new());
    table.handle_notification("other_subscription", Some(r#"{"subscription":2,"result":0}"#));
    assert_eq!(read(&mut table, 2), ["0"]);
    assert!(reply(&mut table, 1, "32").is_some());
    assert_eq!(read(&mut table, 1), ["Lagged { missed: 1 }"]);
}
