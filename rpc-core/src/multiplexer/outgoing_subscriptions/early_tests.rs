//! Items that are dropped before the reply of their subscription.

use super::tests::{notify, open, open_newest, read, reply, subscribe, table};

#[test]
fn an_item_behind_a_dropped_one_is_a_part_of_the_gap() {
    let mut table = table();
    open(&mut table, 1);
    open(&mut table, 2);
    (0..32).for_each(|item| drop(notify(&mut table, "1", &item.to_string())));
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
    table.open_call(2, subscribe("other_subscription", false));
    (0..32).for_each(|item| drop(notify(&mut table, "1", &item.to_string())));
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
