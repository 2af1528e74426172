//! Reports of progress beside replies in one queue, against a model: all orders of what handlers, their
//! callers and the connection's task do.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::{QueuedFrame, ReportSlot, WriteQueue};

/// Calls that are open at once.
const CALLS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The handler of a call reports.
    Report(usize),
    /// It returns. What it reports then is the next call's.
    Reply(usize),
    /// Its caller cancels it: nothing more is reported.
    Cancel(usize),
    /// Something else is sent.
    Notify,
    /// The connection's task takes the next message.
    Take,
    /// The connection ends.
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let call = || 0..CALLS;
    let step = prop_oneof![
        6 => call().prop_map(Step::Report),
        2 => call().prop_map(Step::Reply),
        1 => call().prop_map(Step::Cancel),
        2 => Just(Step::Notify),
        4 => Just(Step::Take),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 0..64)
}

/// One call as the model sees it.
#[derive(Debug)]
struct Call {
    slot: ReportSlot,
    /// The numbers of its reports, and the last of them that is still to be sent.
    reported: u64,
    unsent: Option<u64>,
    cancelled: bool,
}

impl Call {
    fn new() -> Self {
        Self { slot: ReportSlot::new(), reported: 0, unsent: None, cancelled: false }
    }
}

/// What is in the queue: replies have the number of the slot that they end.
#[derive(Default)]
struct Model {
    /// Reports, by slot, that were replied behind and are not yet out.
    due: BTreeMap<u64, u64>,
    /// The last report of each slot that is out.
    out: BTreeMap<u64, u64>,
    replied: Vec<u64>,
}

fn text(number: u64) -> Bytes {
    // Of all sizes, so that a mistake of counting shows.
    vec![b'x'; number as usize + 1].into()
}

fn number(text: &Bytes) -> u64 {
    text.len() as u64 - 1
}

impl Model {
    fn take(&mut self, queue: &mut WriteQueue, calls: &mut [Call]) -> bool {
        let Some((taken, _)) = queue.pop() else { return false };
        match taken {
            QueuedFrame::Report(slot) => {
                let report = queue.take_report(slot).map(|text| number(&text));
                if let Some(call) = calls.iter_mut().find(|call| call.slot == slot) {
                    assert_eq!(report, call.unsent.take(), "the newest that is unsent goes out");
                } else {
                    assert_eq!(report, self.due.remove(&slot.0), "the newest before the reply goes out");
                }
                if let Some(report) = report {
                    assert!(!self.replied.contains(&slot.0), "a report is never behind the reply");
                    assert!(self.out.insert(slot.0, report) < Some(report), "reports are in order");
                }
            }
            QueuedFrame::Finished { key, .. } => {
                let slot = key as u64;
                assert!(!self.due.contains_key(&slot), "the newest report goes out before the reply");
                self.replied.push(slot);
            }
            _ => {}
        }
        true
    }

    fn check(queue: &WriteQueue, calls: &[Call]) {
        let queued = |slot| {
            let is_of = |frame: &&QueuedFrame| matches!(frame, QueuedFrame::Report(other) if *other == slot);
            queue.queue.iter().filter(is_of).count()
        };
        for call in calls {
            assert!(queued(call.slot) <= 1, "one report of a call is queued, whatever it reports");
            assert_eq!(queue.has_report(call.slot), call.unsent.is_some());
        }
        let frames: usize = queue.queue.iter().map(QueuedFrame::size).sum();
        let reports: usize = queue.reports.iter().flat_map(|reports| reports.values()).map(Bytes::len).sum();
        assert_eq!(queue.bytes(), frames + reports, "what is queued is counted");
    }
}

proptest! {
    #[test]
    fn the_newest_report_goes_out_in_order_and_before_the_reply(steps in steps()) {
        let mut queue = WriteQueue::new(1 << 20);
        let mut calls: Vec<Call> = (0..CALLS).map(|_| Call::new()).collect();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Report(call) if calls[call].cancelled => {}
                Step::Report(call) => {
                    let call = &mut calls[call];
                    let is_new = queue.push_report(call.slot, text(call.reported));
                    prop_assert_eq!(is_new, call.unsent.is_none());
                    call.unsent = Some(call.reported);
                    call.reported += 1;
                }
                Step::Reply(call) => {
                    let call = std::mem::replace(&mut calls[call], Call::new());
                    model.due.extend(call.unsent.map(|unsent| (call.slot.0, unsent)));
                    queue.push(QueuedFrame::Finished { key: call.slot.0 as usize, reply: vec![b'r'; 9] });
                }
                Step::Cancel(call) => {
                    let call = &mut calls[call];
                    let dropped = queue.take_report(call.slot).map(|text| number(&text));
                    prop_assert_eq!(dropped, call.unsent.take());
                    call.cancelled = true;
                }
                Step::Notify => queue.push(QueuedFrame::Frame(Bytes::from_static(b"note"))),
                Step::Take => {
                    model.take(&mut queue, &mut calls);
                }
                Step::Clear => {
                    queue.clear();
                    prop_assert!(queue.reports.is_none() && queue.bytes() == 0);
                    calls.iter_mut().for_each(|call| *call = Call::new());
                    model.due.clear();
                }
            }
            Model::check(&queue, &calls);
        }
        while model.take(&mut queue, &mut calls) {}
        prop_assert!(model.due.is_empty() && queue.bytes() == 0, "nothing is left");
    }
}

#[test]
fn a_million_reports_to_a_peer_that_does_not_read_are_one() {
    let mut queue = WriteQueue::new(1 << 20);
    let (slot, other) = (ReportSlot::new(), ReportSlot::new());
    for number in 0..1_000_000_u32 {
        let text = Bytes::from(number.to_string());
        assert_eq!(queue.push_report(slot, text.clone()), number == 0);
        assert_eq!(queue.push_report(other, text), number == 0);
    }
    assert_eq!(queue.queue.len(), 2);
    assert_eq!(queue.text_bytes(), 2 * "999999".len());
    assert_eq!(queue.take_report(slot), Some(Bytes::from_static(b"999999")));
}
