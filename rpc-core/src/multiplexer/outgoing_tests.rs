use proptest::prelude::*;

use super::super::outgoing_model::{self, Step};
use super::*;

fn table_with(calls: usize) -> (OutgoingCalls, Vec<u64>) {
    let mut table = OutgoingCalls::new();
    let ids = (0..calls).map(|_| table.insert(Waker::noop().clone())).collect();
    (table, ids)
}

fn result(text: &'static str) -> Outcome {
    Outcome::Result(Bytes::from_static(text.as_bytes()))
}

#[test]
fn ids_count_from_one() {
    let (_, ids) = table_with(1000);
    assert!(ids.into_iter().eq(1..=1000));
}

#[test]
fn the_ids_that_were_given_are_known() {
    let (table, _) = table_with(2);
    let given: Vec<u64> = (0..10).filter(|id| table.has_given(*id)).collect();
    assert_eq!(given, [1, 2]);
}

#[test]
fn the_ring_is_never_more_than_half_full() {
    let mut table = OutgoingCalls::new();
    for _ in 0..1000 {
        table.insert(Waker::noop().clone());
        assert!(table.len() * 2 <= table.slots.len(), "{} of {}", table.len(), table.slots.len());
    }
}

#[test]
fn a_reply_may_come_before_the_call_is_polled_again() {
    let (mut table, ids) = table_with(1);
    assert!(matches!(table.complete(ids[0], result("1")), Completed::Waiter(Some(_))));
    assert!(matches!(table.poll_once(ids[0]), Poll::Ready((Outcome::Result(_), false))));
    assert_eq!(table.len(), 0);
}

#[test]
fn only_the_first_reply_counts() {
    let (mut table, ids) = table_with(1);
    assert!(matches!(table.complete(ids[0], result("1")), Completed::Waiter(_)));
    assert!(matches!(table.complete(ids[0], result("2")), Completed::Unknown));
    assert!(matches!(table.complete(77, result("1")), Completed::Unknown));
}

#[test]
fn the_peer_is_told_of_a_dropped_call_only_if_it_knows_it() {
    let (mut table, ids) = table_with(3);
    assert!(!table.remove(ids[0]).sent, "never sent");
    assert!(table.mark_sent(ids[1]));
    assert!(table.remove(ids[1]).sent, "sent and unanswered");
    assert!(table.mark_sent(ids[2]));
    table.complete(ids[2], result("1"));
    assert!(!table.remove(ids[2]).sent, "answered");
    assert!(!table.mark_sent(ids[0]), "a dropped call need not be sent");
    assert_eq!(table.len(), 0);
}

#[test]
fn a_cancelled_call_ends_once_and_says_whether_the_peer_knows_it() {
    let (mut table, ids) = table_with(3);
    let ended = table.cancel(ids[0]).expect("it waits");
    assert!(ended.waiter.is_some() && !ended.sent);
    assert!(!table.mark_sent(ids[0]), "it need not be sent any more");
    assert!(table.cancel(ids[0]).is_none(), "only once");
    assert!(matches!(table.poll_once(ids[0]), Poll::Ready((Outcome::Cancelled, false))));
    assert!(table.mark_sent(ids[1]));
    assert!(table.cancel(ids[1]).is_some_and(|ended| ended.sent));
    assert!(matches!(table.complete(ids[1], result("1")), Completed::Unknown), "a late reply");
    table.complete(ids[2], result("1"));
    assert!(table.cancel(ids[2]).is_none(), "answered");
}

#[test]
fn long_calls_do_not_stop_short_ones() {
    let (mut table, ids) = table_with(3);
    let mut last = 3;
    for _ in 0..10_000 {
        let id = table.insert(Waker::noop().clone());
        assert!(id > last, "{id} was given before, and a late reply may have it");
        last = id;
        table.remove(id);
    }
    assert!(table.slots.len() <= 16, "the ring grew to {}", table.slots.len());
    assert!(ids.iter().all(|id| table.is_waiting(*id)));
}

#[test]
fn a_burst_gives_its_memory_back_and_a_few_calls_keep_theirs() {
    for (calls, kept) in [(512, 1024), (513, 0), (10_000, 0)] {
        let (mut table, ids) = table_with(calls);
        ids.into_iter().for_each(|id| assert!(!table.remove(id).sent));
        assert_eq!(table.slots.capacity(), kept, "after {calls} calls");
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Insert),
        2 => (1..4usize, 0..3usize)
            .prop_map(|(calls, notifications)| Step::Batch { calls, notifications }),
        1 => Just(Step::Refuse),
        1 => Just(Step::Notify),
        3 => any::<usize>().prop_map(Step::Send),
        3 => any::<usize>().prop_map(Step::Complete),
        3 => any::<usize>().prop_map(Step::Poll),
        2 => any::<usize>().prop_map(Step::Remove),
        1 => any::<usize>().prop_map(Step::Cancel),
        1 => Just(Step::Disconnect),
    ]
}

proptest! {
    #[test]
    fn the_table_agrees_with_its_model(steps in proptest::collection::vec(step(), 1..200)) {
        outgoing_model::check(steps);
    }
}
