use std::collections::VecDeque as Queue;

use proptest::prelude::*;

use super::*;

type Table = ServedTable<u64, u64>;

const IDLE: Load = Load { waiting: 0, congested: false };

fn limits(max_in_flight: usize, max_open: usize) -> Limits {
    let mut limits = Limits::default();
    (limits.max_in_flight, limits.max_open, limits.max_parked_bytes) = (max_in_flight, max_open, 1000);
    limits
}

fn id(number: u64) -> Option<Id> {
    Some(Id::number(number))
}

#[test]
fn past_the_limit_calls_wait_and_then_are_refused() {
    let (mut table, limits) = (Table::new(), limits(2, 100));
    for call in 0..2 {
        assert_eq!(table.admit(0, IDLE, &limits), Admission::Run);
        table.insert(call, id(call), None);
    }
    for call in 2..4 {
        assert_eq!(table.admit(0, IDLE, &limits), Admission::Park);
        table.park(call, id(call), None, call, 0);
    }
    assert_eq!(table.admit(0, IDLE, &limits), Admission::Refuse);
}

#[test]
fn a_handler_that_awaits_a_call_holds_no_slot() {
    let (mut table, limits) = (Table::new(), limits(1, 3));
    for call in 0..3 {
        let load = Load { waiting: call as usize, congested: false };
        assert_eq!(table.admit(0, load, &limits), Admission::Run);
        table.insert(call, id(call), None);
    }
    let load = Load { waiting: 3, congested: false };
    assert_eq!(table.admit(0, load, &limits), Admission::Refuse, "`max_open` bounds them all");
}

#[test]
fn parked_calls_start_in_order_and_nobody_passes_them() {
    let (mut table, limits) = (Table::new(), limits(2, 100));
    let first = table.insert(0, id(0), None);
    table.insert(9, id(9), None);
    table.park(1, id(1), None, 1, 10);
    assert!(table.unpark(IDLE, &limits).is_none());
    assert!(matches!(table.finish(first, b"reply"), Due::Frame));
    assert_eq!(table.admit(0, IDLE, &limits), Admission::Park, "one is parked already");
    let (key, start) = table.unpark(IDLE, &limits).expect("a free slot");
    assert_eq!((start, table.get(key)), (1, Some((&1, None))));
    assert_eq!(table.parked_bytes, 0);
}

#[test]
fn parked_bytes_are_bounded() {
    let (mut table, limits) = (Table::new(), limits(1, 100));
    table.insert(0, id(0), None);
    assert_eq!(table.admit(1001, IDLE, &limits), Admission::Refuse);
    assert_eq!(table.admit(1000, IDLE, &limits), Admission::Park);
}

#[test]
fn nothing_new_starts_while_the_peer_does_not_read() {
    let table = Table::new();
    let load = Load { waiting: 0, congested: true };
    assert_eq!(table.admit(0, load, &limits(1, 100)), Admission::Park);
}

#[test]
fn a_parked_call_can_be_cancelled() {
    let (mut table, limits) = (Table::new(), limits(1, 100));
    let running = table.insert(0, id(0), None);
    table.park(1, id(1), None, 1, 10);
    assert_eq!(table.running(&Id::number(0)), Some(&0));
    assert_eq!(table.running(&Id::number(1)), None);
    let key = table.parked(&Id::number(1)).expect("it is parked");
    table.finish(key, b"cancelled");
    table.finish(running, b"done");
    assert!(table.unpark(IDLE, &limits).is_none());
    assert_eq!((table.len(), table.parked_len, table.parked_bytes), (0, 0, 0));
}

#[test]
fn ids_are_known_while_they_are_open_but_null_is_nobodys() {
    let mut table = Table::new();
    let key = table.insert(0, id(5), None);
    table.insert(1, Some(Id::null()), None);
    assert!(table.is_open(&Id::number(5)) && !table.is_open(&Id::null()));
    table.finish(key, b"reply");
    assert!(!table.is_open(&Id::number(5)));
}

#[test]
fn a_batch_is_answered_when_its_last_entry_is() {
    let mut table = Table::new();
    let batch = table.open_batch(3);
    let slow = table.insert(0, id(0), Some(batch));
    assert!(matches!(table.answer_in_batch(batch, b"1"), Due::Later));
    assert!(matches!(table.answer_in_batch(batch, b""), Due::Later), "a notification");
    assert_eq!(table.batch_bytes(), 1);
    assert!(matches!(table.finish(slow, b"2"), Due::Batch(array) if array == "[1,2]"));
    let batch = table.open_batch(1);
    assert!(matches!(table.answer_in_batch(batch, b""), Due::Nothing), "only notifications");
    assert!(table.batches.is_empty() && table.batch_bytes() == 0);
}

#[derive(Clone, Debug)]
enum Step {
    Arrive { bytes: usize },
    Finish(usize),
    Wait(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..300usize).prop_map(|bytes| Step::Arrive { bytes }),
        2 => any::<usize>().prop_map(Step::Finish),
        1 => (0..4usize).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Whatever comes: no limit is passed, nobody overtakes, nobody is forgotten.
    #[test]
    fn the_table_keeps_its_limits(steps in proptest::collection::vec(step(), 1..200)) {
        let (mut table, limits) = (Table::new(), limits(3, 8));
        let (mut running, mut parked) = (Vec::new(), Queue::new());
        let (mut next, mut waiting) = (0, 0);
        for step in steps {
            match step {
                Step::Arrive { bytes } => {
                    let load = Load { waiting, congested: false };
                    match table.admit(bytes, load, &limits) {
                        Admission::Run => running.push(table.insert(next, id(next), None)),
                        Admission::Park => {
                            table.park(next, id(next), None, next, bytes);
                            parked.push_back(next);
                        }
                        Admission::Refuse => {}
                    }
                    next += 1;
                }
                Step::Finish(index) if !running.is_empty() => {
                    let key = running.swap_remove(index % running.len());
                    prop_assert!(matches!(table.finish(key, b"reply"), Due::Frame));
                }
                Step::Finish(_) => {}
                Step::Wait(count) => waiting = count,
            }
            waiting = waiting.min(running.len());
            while let Some((key, start)) = table.unpark(Load { waiting, congested: false }, &limits) {
                prop_assert_eq!(Some(start), parked.pop_front());
                running.push(key);
            }
            prop_assert_eq!(table.len(), running.len() + parked.len());
            prop_assert!(table.len() <= limits.max_open && parked.len() <= limits.max_in_flight);
            prop_assert!(parked.is_empty() || running.len() - waiting >= limits.max_in_flight);
        }
    }
}
