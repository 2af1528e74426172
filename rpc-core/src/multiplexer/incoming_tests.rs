use proptest::prelude::*;

use super::super::incoming_model::{self, BareCall, Step};
use super::*;

type Table = IncomingCalls<BareCall, u64>;

const IDLE: Load = Load { waiting: 0, producing: 0, congested: false };

fn limits(max_in_flight: usize, max_open: usize) -> Limits {
    let mut limits = Limits::default();
    (limits.max_in_flight, limits.max_open, limits.max_parked_bytes) = (max_in_flight, max_open, 1000);
    limits
}

fn id(number: u64) -> Option<Id> {
    Some(Id::number(number))
}

fn call(number: u64) -> BareCall {
    BareCall { id: id(number), batch: None, ordered: false }
}

fn ordered(number: u64) -> BareCall {
    BareCall { ordered: true, ..call(number) }
}

/// Starts the next call that may run.
fn unpark(table: &mut Table, limits: &Limits) -> Option<(usize, u64)> {
    let key = table.next_parked(IDLE, limits)?;
    Some((key, table.unpark(key)?))
}

#[test]
fn open_streams_count_in_a_limit_of_their_own() {
    let (mut table, limits) = (Table::new(), limits(8, 2));
    for number in 1..=4 {
        let load = Load { waiting: number - 1, producing: number - 1, congested: false };
        assert_eq!(table.admit(false, 1, load, &limits), Admission::Run);
        table.insert(call(number as u64));
    }
    let load = Load { waiting: 4, producing: 3, congested: false };
    assert_eq!(table.admit(false, 1, load, &limits), Admission::Run);
    table.insert(call(5));
    assert_eq!(table.admit(false, 1, load, &limits), Admission::Refuse);
    assert_eq!(table.why_refused(load, &limits), "2 calls are open (`max_open`)");
    // The table hears of the end of a handler later than of that of its stream.
    let load = Load { waiting: 9, producing: 9, congested: false };
    assert_eq!(table.admit(false, 1, load, &limits), Admission::Run);
}

#[test]
fn past_the_limit_calls_wait_and_then_are_refused() {
    let (mut table, limits) = (Table::new(), limits(2, 100));
    for number in 0..2 {
        assert_eq!(table.admit(false, 0, IDLE, &limits), Admission::Run);
        table.insert(call(number));
    }
    for number in 2..4 {
        assert_eq!(table.admit(false, 0, IDLE, &limits), Admission::Park);
        table.park(call(number), number, Some(0));
    }
    assert_eq!(table.admit(false, 0, IDLE, &limits), Admission::Refuse);
}

#[test]
fn a_handler_that_awaits_a_call_holds_no_slot() {
    let (mut table, limits) = (Table::new(), limits(1, 3));
    for number in 0..3 {
        let load = Load { waiting: number as usize, ..IDLE };
        assert_eq!(table.admit(false, 0, load, &limits), Admission::Run);
        table.insert(call(number));
    }
    let load = Load { waiting: 3, ..IDLE };
    assert_eq!(table.admit(false, 0, load, &limits), Admission::Refuse, "`max_open` bounds them all");
}

#[test]
fn parked_calls_start_in_order_and_nobody_passes_them() {
    let (mut table, limits) = (Table::new(), limits(2, 100));
    let first = table.insert(call(0));
    table.insert(call(9));
    table.park(call(1), 1, Some(10));
    assert!(unpark(&mut table, &limits).is_none());
    assert!(matches!(table.finish(first, b"reply"), Due::Frame));
    assert_eq!(table.admit(false, 0, IDLE, &limits), Admission::Park, "one is parked already");
    let (key, start) = unpark(&mut table, &limits).expect("a free slot");
    assert_eq!((start, table.get(key)), (1, Some(&call(1))));
    assert_eq!(table.waiting.bytes(), 0);
}

#[test]
fn parked_bytes_are_bounded() {
    let (mut table, limits) = (Table::new(), limits(1, 100));
    table.insert(call(0));
    assert_eq!(table.admit(false, 1001, IDLE, &limits), Admission::Refuse);
    assert_eq!(table.admit(false, 1000, IDLE, &limits), Admission::Park);
    let mut limits = limits;
    limits.max_in_flight = 2;
    table.insert(call(1));
    table.park(call(2), 2, Some(600));
    assert_eq!(table.admit(false, 401, IDLE, &limits), Admission::Refuse, "with those that wait");
    assert_eq!(table.admit(false, 400, IDLE, &limits), Admission::Park);
}

#[test]
fn nothing_new_starts_while_the_peer_does_not_read() {
    let table = Table::new();
    let load = Load { congested: true, ..IDLE };
    assert_eq!(table.admit(false, 0, load, &limits(1, 100)), Admission::Park);
}

#[test]
fn a_parked_call_can_be_cancelled() {
    let (mut table, limits) = (Table::new(), limits(1, 100));
    let running = table.insert(call(0));
    table.park(call(1), 1, Some(10));
    assert_eq!(table.running(&Id::number(0)), Some(&call(0)));
    assert_eq!(table.running(&Id::number(1)), None);
    let key = table.parked(&Id::number(1)).expect("it is parked");
    table.finish(key, b"cancelled");
    table.finish(running, b"done");
    assert!(unpark(&mut table, &limits).is_none());
    assert_eq!((table.len(), table.waiting.len(), table.waiting.bytes()), (0, 0, 0));
}

#[test]
fn ids_are_known_while_they_are_open_but_null_is_nobodys() {
    let mut table = Table::new();
    let key = table.insert(call(5));
    table.insert(BareCall { id: Some(Id::null()), ..call(1) });
    assert!(table.is_open(&Id::number(5)) && !table.is_open(&Id::null()));
    table.finish(key, b"reply");
    assert!(!table.is_open(&Id::number(5)));
}

#[test]
fn a_batch_is_answered_when_its_last_entry_is() {
    let mut table = Table::new();
    let batch = table.open_batch(3, 1000);
    let slow = table.insert(BareCall { batch: Some(batch), ..call(0) });
    assert!(matches!(table.due(Some(batch), b"1", None), Due::Later));
    assert!(matches!(table.due(Some(batch), b"", None), Due::Later), "a notification");
    assert_eq!(table.batch_bytes(), 1);
    assert!(matches!(table.finish(slow, b"2"), Due::Batch(array, _) if array == "[1,2]"));
    let batch = table.open_batch(1, 1000);
    assert!(matches!(table.due(Some(batch), b"", None), Due::Nothing), "only notifications");
    assert!(table.batches.is_empty() && table.batch_bytes() == 0);
}

#[test]
fn ordered_calls_run_one_at_a_time_and_others_pass_them() {
    let (mut table, limits) = (Table::new(), limits(3, 100));
    assert_eq!(table.admit(true, 0, IDLE, &limits), Admission::Run);
    let first = table.insert(ordered(0));
    for number in 1..3 {
        assert_eq!(table.admit(true, 0, IDLE, &limits), Admission::Park);
        table.park(ordered(number), number, Some(0));
    }
    assert_eq!(table.admit(false, 0, IDLE, &limits), Admission::Run);
    let beside = table.insert(call(3));
    table.finish(beside, b"reply");
    assert_eq!(unpark(&mut table, &limits), None, "the lane is still taken");
    table.finish(first, b"reply");
    let (second, start) = unpark(&mut table, &limits).expect("the lane is free");
    assert_eq!((start, unpark(&mut table, &limits)), (1, None));
    table.finish(second, b"reply");
    assert_eq!(unpark(&mut table, &limits).map(|(_, start)| start), Some(2));
}

#[test]
fn of_those_who_wait_for_a_slot_the_earlier_goes_first() {
    for (first, second) in [(call(1), ordered(2)), (ordered(1), call(2))] {
        let (mut table, limits) = (Table::new(), limits(1, 100));
        let running = table.insert(call(0));
        table.park(first, 1, Some(0));
        table.park(second, 2, Some(0));
        table.finish(running, b"reply");
        for is_ordered in [false, true] {
            assert_eq!(table.admit(is_ordered, 0, IDLE, &limits), Admission::Refuse, "one may wait, two do");
        }
        let (running, start) = unpark(&mut table, &limits).expect("a free slot");
        assert_eq!((start, unpark(&mut table, &limits)), (1, None));
        table.finish(running, b"reply");
        assert_eq!(unpark(&mut table, &limits).map(|(_, start)| start), Some(2));
    }
}

#[test]
fn an_ordered_call_that_is_cancelled_leaves_the_line() {
    let (mut table, limits) = (Table::new(), limits(3, 100));
    let running = table.insert(ordered(0));
    for number in 1..3 {
        table.park(ordered(number), number, Some(10));
    }
    let key = table.parked(&Id::number(1)).expect("it waits");
    table.finish(key, b"cancelled");
    assert_eq!(unpark(&mut table, &limits), None, "it was not the one that has the lane");
    table.finish(running, b"reply");
    assert_eq!(unpark(&mut table, &limits).map(|(_, start)| start), Some(2));
    assert_eq!(table.waiting.bytes(), 0);
}

#[test]
fn a_drained_table_is_as_new() {
    let (mut table, limits) = (Table::new(), limits(3, 100));
    table.insert(ordered(0));
    table.park(ordered(1), 1, Some(10));
    assert_eq!(table.drain().collect::<Vec<_>>(), [ordered(0), ordered(1)]);
    assert_eq!(table.admit(true, 0, IDLE, &limits), Admission::Run);
}

#[test]
fn a_burst_gives_its_memory_back_and_a_few_calls_keep_theirs() {
    for (calls, kept) in [(64, 64), (65, 0), (1000, 0)] {
        let mut table = Table::new();
        let keys: Vec<_> = (0..calls).map(|number| table.insert(call(number))).collect();
        keys.into_iter().for_each(|key| drop(table.finish(key, b"reply")));
        assert_eq!(table.calls.capacity(), kept, "after {calls} calls");
    }
}

#[test]
fn a_batch_waits_until_one_entry_is_left() {
    let mut table = Table::new();
    let batch = table.open_batch(2, 1000);
    assert!(table.batch_waits(batch));
    table.due(Some(batch), b"1", None);
    assert!(!table.batch_waits(batch), "the next answer completes it");
    table.due(Some(batch), b"2", None);
    assert!(!table.batch_waits(batch), "it is gone");
}

#[test]
fn what_the_limits_do_not_bound_takes_nothing_of_them() {
    let (mut table, limits) = (Table::new(), limits(1, 2));
    table.insert(call(0));
    for number in 1..10 {
        assert_eq!(table.admit_unlimited(false, IDLE, &limits), Admission::Park);
        table.park(call(number), number, None);
    }
    assert_eq!(table.admit(false, 1000, IDLE, &limits), Admission::Park, "none of the others is counted");
    table.park(call(10), 10, Some(1000));
    assert!(table.is_full(IDLE, &limits));
    assert_eq!(table.admit(false, 0, IDLE, &limits), Admission::Refuse);
    table.finish(0, b"");
    let started = std::iter::from_fn(|| {
        let (key, start) = unpark(&mut table, &limits)?;
        table.finish(key, b"");
        Some(start)
    });
    assert_eq!(started.collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>(), "in order of arrival");
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..300usize, any::<bool>()).prop_map(|(bytes, ordered)| Step::Arrive { bytes, ordered }),
        2 => (1..5usize, 0..300usize, any::<bool>())
            .prop_map(|(entries, bytes, ordered)| Step::Batch { entries, bytes, ordered }),
        3 => any::<bool>().prop_map(|ordered| Step::Unlimited { ordered }),
        6 => any::<usize>().prop_map(Step::Finish),
        2 => any::<usize>().prop_map(Step::Cancel),
        2 => (0..4usize).prop_map(Step::Wait),
        1 => any::<bool>().prop_map(Step::Congest),
        1 => Just(Step::Drain),
    ]
}

proptest! {
    /// No limit is exceeded, and no call overtakes another that it must not overtake, or is forgotten.
    #[test]
    fn the_table_keeps_its_limits(steps in proptest::collection::vec(step(), 1..200)) {
        incoming_model::check(steps);
    }
}
