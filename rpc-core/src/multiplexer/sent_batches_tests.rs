use std::task::Waker;

use super::super::{Outcome, OutgoingCalls};
use super::*;
use crate::message::ErrorObject;

fn take_refused(batches: &mut SentBatches) -> Option<RangeInclusive<u64>> {
    batches.take_refused(-32600, &Provocations::default())
}

fn batches(sent: &[(&[u64], usize)]) -> SentBatches {
    let mut batches = SentBatches::default();
    sent.iter().for_each(|(ids, entries)| batches.insert(ids, *entries, 0, 0));
    batches
}

#[test]
fn the_largest_batch_is_the_refused_one_and_of_equals_the_oldest() {
    let mut batches = batches(&[(&[1, 2], 2), (&[3, 4, 5], 3), (&[6, 8], 3)]);
    assert_eq!(take_refused(&mut batches), Some(3..=5));
    assert_eq!(take_refused(&mut batches), Some(6..=8));
    assert_eq!(take_refused(&mut batches), Some(1..=2));
    assert_eq!(take_refused(&mut batches), None);
}

#[test]
fn a_batch_of_which_a_call_was_answered_was_not_refused() {
    let mut batches = batches(&[(&[1, 2], 2), (&[4, 5], 2)]);
    batches.answered(3);
    batches.answered(6);
    assert_eq!(batches.by_first.len(), 2, "those are calls of their own");
    batches.answered(2);
    batches.answered(1);
    assert_eq!(take_refused(&mut batches), Some(4..=5));
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

/// A table with a batch of this many calls that has been sent.
fn table_with_batch(calls: usize) -> (OutgoingCalls, Vec<u64>) {
    let mut table = OutgoingCalls::new();
    let ids: Vec<u64> = (0..calls).map(|_| table.insert(Waker::noop().clone())).collect();
    assert!(ids.iter().all(|id| table.mark_sent(*id)));
    table.batch_sent(ids.iter().copied(), calls);
    (table, ids)
}

#[test]
fn a_refused_batch_ends_its_calls_that_still_wait() {
    let (mut table, ids) = table_with_batch(3);
    let alone = table.insert(Waker::noop().clone());
    assert!(table.remove(ids[1]).sent, "the peer is told");
    let error = ErrorObject::new(-32600, "no batches");
    assert_eq!(table.refuse(&error, true).map(|wakers| wakers.len()), Some(2));
    for id in [ids[0], ids[2]] {
        let polled = table.poll_once(id);
        assert!(matches!(polled, std::task::Poll::Ready((Outcome::Refused(told), true)) if *told == error));
    }
    assert!(table.is_waiting(alone));
    assert!(table.refuse(&error, true).is_none(), "once");
}

#[test]
fn a_batch_whose_calls_ended_any_way_is_not_out_any_more() {
    let error = ErrorObject::new(-32600, "no batches");
    let ends: [fn(&mut OutgoingCalls, &[u64]); 4] = [
        |table, ids| ids.iter().for_each(|id| assert!(table.remove(*id).sent)),
        |table, ids| ids.iter().for_each(|id| assert!(table.cancel(*id).is_some())),
        |table, ids| drop(table.complete(ids[1], Outcome::Broken("broken", "".into()))),
        |table, _| drop(table.disconnect()),
    ];
    for end in ends {
        let (mut table, ids) = table_with_batch(2);
        end(&mut table, &ids);
        assert!(table.refuse(&error, true).is_none());
    }
}

fn call(table: &mut OutgoingCalls) -> u64 {
    let id = table.insert(Waker::noop().clone());
    assert!(table.mark_sent(id));
    id
}

fn answer(table: &mut OutgoingCalls, id: u64) {
    table.complete(id, Outcome::Broken("broken", "".into()));
}

#[test]
fn what_went_out_since_the_batch_may_have_provoked_the_error() {
    let error = ErrorObject::new(-32600, "no");
    let (mut table, _) = table_with_batch(2);
    table.note_provocation();
    assert!(table.refuse(&error, true).is_none());
    let later = call(&mut table);
    answer(&mut table, later);
    assert!(table.refuse(&error, true).is_none(), "its error may come late");
}

#[test]
fn what_went_out_before_the_batch_may_have_until_a_later_call_is_answered() {
    let error = ErrorObject::new(-32600, "no");
    let mut table = OutgoingCalls::new();
    let earlier = call(&mut table);
    table.note_provocation();
    let later = call(&mut table);
    let ids = [call(&mut table), call(&mut table)];
    table.batch_sent(ids.into_iter(), 2);
    answer(&mut table, earlier);
    assert!(table.refuse(&error, true).is_none(), "that call was sent before it");
    answer(&mut table, later);
    assert_eq!(table.refuse(&error, true).map(|wakers| wakers.len()), Some(2));
}

#[test]
fn an_error_of_a_method_refuses_no_batch() {
    for code in [-32601, -32602] {
        let (mut table, _) = table_with_batch(2);
        assert!(table.refuse(&ErrorObject::new(code, "no"), true).is_none());
    }
}

#[test]
fn a_batchs_own_notifications_refuse_no_other() {
    let error = ErrorObject::new(-32600, "no");
    let mut table = OutgoingCalls::new();
    let first = [call(&mut table)];
    table.batch_sent(first.into_iter(), 2);
    let second = [call(&mut table), call(&mut table), call(&mut table)];
    table.batch_sent(second.into_iter(), 3);
    assert_eq!(table.refuse(&error, true).map(|wakers| wakers.len()), Some(1), "the first");
    assert!(table.refuse(&error, true).is_none());
}

#[test]
fn an_error_without_an_id_ends_the_one_call_that_can_have_provoked_it() {
    let error = ErrorObject::new(-32600, "Message must have integer id");
    let mut table = OutgoingCalls::new();
    assert!(table.refuse(&error, false).is_none(), "nothing is out");
    let calls = [(); 3].map(|()| call(&mut table));
    assert!(table.refuse(&error, true).is_none(), "an id that is null says nothing of calls");
    assert_eq!(table.refuse(&error, false).map(|wakers| wakers.len()), Some(0), "it is not known which");
    answer(&mut table, calls[0]);
    assert_eq!(table.take_refused().len(), 0);
    answer(&mut table, calls[2]);
    assert_eq!(table.take_refused().len(), 1);
    let polled = table.poll_once(calls[1]);
    assert!(matches!(polled, std::task::Poll::Ready((Outcome::Refused(told), true)) if *told == error));

    let alone = call(&mut table);
    assert_eq!(table.refuse(&error, false).map(|wakers| wakers.len()), Some(1));
    assert!(!table.is_waiting(alone));
}

#[test]
fn an_error_without_an_id_ends_no_call_if_something_else_can_have_provoked_it() {
    let error = ErrorObject::new(-32600, "no");
    let provoked: [fn(&mut OutgoingCalls); 2] = [OutgoingCalls::note_provocation, |table| {
        let given_up = call(table);
        table.remove(given_up);
    }];
    for provoke in provoked {
        let mut table = OutgoingCalls::new();
        let early = call(&mut table);
        provoke(&mut table);
        let late = call(&mut table);
        assert!(table.refuse(&error, false).is_none());
        answer(&mut table, late);
        assert_eq!(table.refuse(&error, false).map(|wakers| wakers.len()), Some(1));
        assert!(!table.is_waiting(early));
    }
}
