//! Subscriptions in the table: whoever ends one, it is gone with all that it held.

use std::collections::BTreeMap;
use std::task::Poll;

use proptest::prelude::*;

use super::super::StreamLimits;
use super::*;
use crate::subscription::{BadEnd, SubscriptionIds, subscription_form};

type Table = Streams<&'static str>;

const WINDOW: Totals = Totals { items: 2, bytes: 100 };

fn table(max_streams: usize) -> Table {
    Table::new(StreamLimits { max_streams, max_stream_bytes: 1000, window: WINDOW })
}

fn form() -> Arc<SubscriptionForm> {
    Arc::new(subscription_form("subscription", "unsubscribe", BadEnd::Error, SubscriptionIds::Number))
}

fn accept(table: &mut Table) -> Key {
    table.accept_subscription().expect("there is room")
}

#[test]
fn nothing_goes_before_the_reply() {
    let mut table = table(1);
    let key = accept(&mut table);
    assert!(table.poll_started(key, &mut Some("publisher")).is_pending());
    assert_eq!(table.name_subscription(key, &form(), || Id::number(7)), Some(Id::number(7)));
    assert!(table.poll_credit(key, &mut Some("publisher")).is_pending());
    assert!(table.drain().is_empty(), "its call is not answered");
    assert_eq!(table.open_subscription(key), Some("publisher"));
    assert_eq!(table.poll_started(key, &mut None), Poll::Ready(Err(Halt::Draining)));
    assert_eq!(table.end_subscription(key), (true, None));
    assert!(table.is_at_rest());
}

#[test]
fn an_id_is_given_to_one_at_a_time() {
    let mut table = table(2);
    let (one, two) = (accept(&mut table), accept(&mut table));
    assert_eq!(table.accept_subscription(), Err(TooManyStreams));
    let mut ids = [7, 7, 8].into_iter();
    let mut new_id = || Id::number(ids.next().expect("no more are needed"));
    assert_eq!(table.name_subscription(one, &form(), &mut new_id), Some(Id::number(7)));
    assert_eq!(table.name_subscription(two, &form(), &mut new_id), Some(Id::number(8)));
    assert_eq!(table.unsubscribe(&Id::number(7), "another"), (false, None));
    assert!(table.unsubscribe(&Id::number(7), "unsubscribe").0);
    assert!(!table.unsubscribe(&Id::number(7), "unsubscribe").0);
    assert!(!table.spend_all(one, Totals { items: 1, bytes: 9 }), "nothing follows");
    assert_eq!(table.open_subscription(one), None);
    let three = accept(&mut table);
    assert_eq!(table.name_subscription(three, &form(), || Id::number(7)), Some(Id::number(7)));
    // A handler that runs twice gets two ids, the last of which counts.
    assert_eq!(table.name_subscription(three, &form(), || Id::number(9)), Some(Id::number(9)));
    assert!(!table.unsubscribe(&Id::number(7), "unsubscribe").0);
    assert_eq!((table.end_subscription(two).0, table.end_subscription(three).0), (true, true));
    assert!(table.is_at_rest() && !table.has_subscriptions());
}

#[test]
fn with_the_connection_all_are_gone() {
    let mut table = table(3);
    let keys: Vec<_> = (0..3).map(|_| accept(&mut table)).collect();
    for (number, key) in keys[..2].iter().enumerate() {
        table.name_subscription(*key, &form(), || Id::number(number as u64));
    }
    table.open_subscription(keys[0]);
    assert!(table.poll_halted(keys[0], &mut Some("one")).is_pending());
    assert!(table.poll_started(keys[1], &mut Some("two")).is_pending());
    assert_eq!(table.disconnect(), ["one", "two"]);
    for key in keys {
        assert_eq!(table.poll_halted(key, &mut None), Poll::Ready(Halt::CallOver));
        assert_eq!(table.end_subscription(key), (false, None));
        assert_eq!(table.name_subscription(key, &form(), || Id::number(1)), None);
    }
    assert!(table.is_at_rest());
}

/// What may happen to the subscriptions of a connection.
#[derive(Clone, Copy, Debug)]
enum Event {
    Accept,
    Name(usize),
    Open(usize),
    Unsubscribe(u64),
    End(usize),
    /// An ordinary result is beside them.
    Stream(u64),
    Reply(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Accept),
        (0..8_usize).prop_map(Event::Name),
        (0..8_usize).prop_map(Event::Open),
        (0..8_u64).prop_map(Event::Unsubscribe),
        (0..8_usize).prop_map(Event::End),
        (0..2_u64).prop_map(Event::Stream),
        (0..2_u64).prop_map(Event::Reply),
    ]
}

proptest! {
    // A subscription is there from its admission until the first that ends it, and counts so long.
    #[test]
    fn each_ends_once(events in prop::collection::vec(event(), 0..60)) {
        let (mut table, mut keys) = (table(4), Vec::new());
        let (mut there, mut streams) = (BTreeMap::new(), Vec::new());
        let (mut next_id, form) = (0..u64::MAX, form());
        for event in events {
            let key = |index: usize| keys.get(index).copied().unwrap_or(u64::MAX);
            match event {
                Event::Accept => match table.accept_subscription() {
                    Ok(key) => {
                        there.insert(key, None);
                        keys.push(key);
                    }
                    Err(TooManyStreams) => prop_assert_eq!(there.len() + streams.len(), 4),
                },
                Event::Name(index) => {
                    let id = next_id.next().unwrap_or_default() % 8;
                    if there.values().any(|other| *other == Some(id)) {
                        continue;
                    }
                    let named = table.name_subscription(key(index), &form, || Id::number(id));
                    prop_assert_eq!(named.is_some(), there.contains_key(&key(index)));
                    there.entry(key(index)).and_modify(|named| *named = Some(id));
                }
                Event::Open(index) => drop(table.open_subscription(key(index))),
                Event::Unsubscribe(id) => {
                    let found = there.iter().find(|(_, other)| **other == Some(id)).map(|(key, _)| *key);
                    prop_assert_eq!(table.unsubscribe(&Id::number(id), "unsubscribe").0, found.is_some());
                    found.map(|key| there.remove(&key));
                }
                Event::End(index) => {
                    let ended = table.end_subscription(key(index)).0;
                    prop_assert_eq!(ended, there.remove(&key(index)).is_some());
                }
                Event::Stream(id) if !streams.contains(&id) => {
                    match table.accept_call(&Id::number(id), Some(WINDOW), &[]) {
                        Ok(_) => streams.push(id),
                        Err(TooManyStreams) => prop_assert_eq!(there.len() + streams.len(), 4),
                    }
                }
                Event::Reply(id) if streams.contains(&id) => {
                    table.finish_call(&Id::number(id));
                    streams.retain(|other| *other != id);
                }
                Event::Stream(_) | Event::Reply(_) => {}
            }
            table.check_bounds(0);
            prop_assert_eq!(table.len().0, there.len() + streams.len());
            prop_assert_eq!(table.has_subscriptions(), there.values().any(Option::is_some));
        }
        table.disconnect();
        prop_assert!(table.is_at_rest());
    }
}
