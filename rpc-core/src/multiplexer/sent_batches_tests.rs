use std::task::Waker;

use tokio::time::Instant;

use super::super::{CallTable, Outcome};
use super::*;
use crate::message::ErrorObject;

fn batches(sent: &[(&[u64], usize)]) -> SentBatches {
    let mut batches = SentBatches::default();
    sent.iter().for_each(|(ids, entries)| batches.insert(ids.iter().copied(), *entries));
    batches
}

#[test]
fn the_largest_batch_is_the_refused_one_and_of_equals_the_oldest() {
    let mut batches = batches(&[(&[1, 2], 2), (&[3, 4, 5], 3), (&[6, 8], 3)]);
    assert_eq!(batches.take_refused(), Some(3..=5));
    assert_eq!(batches.take_refused(), Some(6..=8));
    assert_eq!(batches.take_refused(), Some(1..=2));
    assert_eq!(batches.take_refused(), None);
}

#[test]
fn a_batch_of_which_a_call_was_answered_was_not_refused() {
    let mut batches = batches(&[(&[1, 2], 2), (&[4, 5], 2)]);
    batches.answered(3);
    batches.answered(6);
    assert_eq!(batches.by_first.len(), 2, "those are calls of their own");
    batches.answered(2);
    batches.answered(1);
    assert_eq!(batches.take_refused(), Some(4..=5));
}

#[test]
fn a_batch_that_nobody_awaits_is_forgotten() {
    let mut batches = batches(&[(&[1, 2, 3], 4)]);
    batches.left(1);
    batches.left(3);
    assert_eq!(batches.by_first.len(), 1);
    batches.left(2);
    assert_eq!(batches.by_first.len(), 0);
}

#[test]
fn notifications_alone_await_nothing() {
    assert!(batches(&[(&[], 3)]).by_first.is_empty());
}

/// A table with a batch of so many calls that is on its way.
fn table_with_batch(calls: usize, deadline: Option<Instant>) -> (CallTable, Vec<u64>) {
    let mut table = CallTable::new();
    let ids: Vec<u64> = (0..calls).map(|_| table.insert(Waker::noop().clone(), deadline)).collect();
    assert!(ids.iter().all(|id| table.mark_sent(*id)));
    table.batch_sent(ids.iter().copied(), calls);
    (table, ids)
}

#[test]
fn a_refused_batch_ends_its_calls_that_still_wait() {
    let (mut table, ids) = table_with_batch(3, None);
    let alone = table.insert(Waker::noop().clone(), None);
    assert!(table.remove(ids[1]), "the peer is told");
    let error = ErrorObject::new(-32600, "no batches");
    assert_eq!(table.refuse_batch(&error).map(|wakers| wakers.len()), Some(2));
    for id in [ids[0], ids[2]] {
        let polled = table.poll(id, Waker::noop());
        assert!(matches!(polled, std::task::Poll::Ready((Outcome::Refused(told), true)) if *told == error));
    }
    assert!(table.is_waiting(alone));
    assert!(table.refuse_batch(&error).is_none(), "once");
}

#[test]
fn a_batch_whose_calls_ended_any_way_is_not_out_any_more() {
    let error = ErrorObject::new(-32600, "no batches");
    let now = Instant::now();
    let ends: [fn(&mut CallTable, &[u64], Instant); 4] = [
        |table, ids, _| ids.iter().for_each(|id| assert!(table.remove(*id))),
        |table, _, now| assert_eq!(table.expire(now).len(), 2),
        |table, ids, _| drop(table.complete(ids[1], Outcome::Broken("broken", "".into()))),
        |table, _, _| drop(table.disconnect()),
    ];
    for end in ends {
        let (mut table, ids) = table_with_batch(2, Some(now));
        end(&mut table, &ids, now);
        assert!(table.refuse_batch(&error).is_none());
    }
}
