use std::task::Waker;
use std::time::Duration;

use super::*;
use crate::config::Config;
use crate::connection::ending::Ending;
use crate::handshake::ConnectionInfo;
use crate::message::{Id, RequestText};
use crate::served_call::{Nested, ServedCall, Wait};
use crate::shared_state::SharedLimits;
use crate::transport::{MemoryTransport, memory_pair};

/// A slot whose next drivers are not spawned, and the transport of its peer.
fn slot() -> (Arc<Slot<MemoryTransport>>, MemoryTransport) {
    let (near, far) = memory_pair();
    let config = Arc::new(Config::default());
    let shared = Arc::new(SharedState::new(config, ConnectionInfo::default(), SharedLimits::default()));
    let slot = Slot::new(Core::new(near, shared.clone()), shared, |_, _, _| {});
    (Arc::new(slot), far)
}

/// A call whose handler is being polled by driver 0.
fn begin_poll(slot: &Slot<MemoryTransport>) -> Arc<ServedCall> {
    let id = Some(Id::number(1));
    let call = Arc::new(ServedCall::new(slot.shared().clone(), "hold".into(), id, None, false, 0));
    let mut core = slot.take(FIRST_DRIVER).expect("it is there");
    core.begin_first_poll(&call, None);
    slot.put(FIRST_DRIVER, core);
    call
}

/// Looks at the slot so many milliseconds after `start`, and returns the number of its driver.
fn driver_at(slot: &Arc<Slot<MemoryTransport>>, start: Instant, millis: u64) -> u64 {
    slot.clone().look(start + Duration::from_millis(millis));
    slot.inner().driver
}

/// A call to the peer that a handler has made.
struct Ask {
    id: u64,
    _nested: Nested,
}

impl Ask {
    fn begin(call: &Arc<ServedCall>) -> Self {
        let request = RequestText::encode("ask", &()).expect("it serialises");
        let opened = call.shared.as_caller().open_call(request, Waker::noop(), &mut None);
        let (id, _) = opened.expect("it is open");
        Self { id, _nested: Nested::begin(call, id) }
    }

    fn has_ended(&self, slot: &Slot<MemoryTransport>) -> bool {
        let cx = std::task::Context::from_waker(Waker::noop());
        slot.shared().as_caller().poll_call(self.id, &cx).is_ready()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_driver_that_is_woken_and_not_polled_for_50_ms_is_replaced() {
    let (slot, _far) = slot();
    let start = Instant::now();
    for millis in [0, 200] {
        assert_eq!(driver_at(&slot, start, millis), 0, "nothing has woken it");
    }
    slot.shared().driver_waker().notify();
    for (millis, driver) in [(1000, 0), (1049, 0), (1050, 1)] {
        assert_eq!(driver_at(&slot, start, millis), driver, "after {millis} ms");
    }
    assert!(slot.take(0).is_none());
    for (millis, driver) in [(1060, 1), (1109, 1), (1110, 2)] {
        assert_eq!(driver_at(&slot, start, millis), driver, "after {millis} ms");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_driver_that_is_polled_or_that_closes_is_not_replaced() {
    let (slot, _far) = slot();
    let start = Instant::now();
    slot.shared().driver_waker().notify();
    for millis in (0..1000).step_by(100) {
        assert_eq!(driver_at(&slot, start, millis), 0);
        let core = slot.take(0).expect("it has the core");
        assert_eq!(driver_at(&slot, start, millis + 60), 0, "the core is in use");
        slot.put(0, core);
    }
    slot.set_up(|core| core.begin_closing(Ending::Lost("gone".into())));
    for millis in [2000, 3000] {
        assert_eq!(driver_at(&slot, start, millis), 0, "the connection ends");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_first_poll_that_lasts_50_ms_goes_on_without_the_core() {
    let (slot, _far) = slot();
    begin_poll(&slot);
    let start = Instant::now();
    for (millis, driver) in [(0, 0), (49, 0), (50, 1)] {
        assert_eq!(driver_at(&slot, start, millis), driver, "after {millis} ms");
    }
    assert!(slot.take(0).is_none() && slot.take(1).is_some());
    assert!(slot.take_ceded(1).is_none());
    assert!(slot.take_ceded(0).expect("its poll").key().is_some(), "its call is among the open ones");
    assert!(slot.take_ceded(0).is_none());
}

/// While its handler blocks, a call that the handler awaits can only end if some task receives its reply.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_blocked_handler_awaits_ends_after_a_second_if_no_other_driver_runs() {
    for (last_polled, awaits, ends) in [(0, true, true), (1, true, false), (0, false, false)] {
        let (slot, _far) = slot();
        let call = begin_poll(&slot);
        let ask = Ask::begin(&call);
        let _wait = awaits.then(|| Wait::of(call));
        let start = Instant::now();
        assert_eq!([0, 50, 999].map(|millis| driver_at(&slot, start, millis)), [0, 1, 1]);
        assert!(!ask.has_ended(&slot));
        slot.note_polled(last_polled);
        driver_at(&slot, start, 1000);
        assert_eq!(ask.has_ended(&slot), ends, "{last_polled} was polled last, it awaits: {awaits}");
    }
}

#[tokio::test]
async fn on_a_single_thread_no_driver_is_replaced_and_what_a_handler_awaits_ends_after_a_second() {
    let (slot, _far) = slot();
    let start = Instant::now();
    slot.shared().driver_waker().notify();
    assert_eq!([0, 100, 200].map(|millis| driver_at(&slot, start, millis)), [0; 3]);
    let call = begin_poll(&slot);
    let (ask, _wait) = (Ask::begin(&call), Wait::of(call));
    assert_eq!([1000, 1100, 1999].map(|millis| driver_at(&slot, start, millis)), [0; 3]);
    assert!(!ask.has_ended(&slot));
    driver_at(&slot, start, 2000);
    assert!(ask.has_ended(&slot));
}

#[tokio::test]
async fn a_dropped_connection_ends_also_while_its_core_is_in_use() {
    let (slot, _far) = slot();
    let core = slot.take(0).expect("it is there");
    slot.dismiss();
    assert!(!slot.shared().as_life().is_ending());
    slot.put(0, core);
    assert!(slot.shared().as_life().is_ending());
}

#[tokio::test]
async fn a_connection_ends_with_its_last_driver_only() {
    let (slot, _far) = slot();
    slot.dismiss_driver(1);
    assert!(!slot.shared().as_life().is_ending());
    slot.dismiss_driver(0);
    assert!(slot.shared().as_life().is_ending() && slot.take(0).is_none());
}

#[tokio::test]
async fn what_a_connection_holds_is_held_by_the_tasks_of_its_handlers() {
    let (slot, _far) = slot();
    assert!(slot.tenancy().is_none());
    let permit = Arc::new(());
    slot.set_tenancy(permit.clone());
    let held = slot.tenancy();
    drop(slot);
    assert_eq!(Arc::strong_count(&permit), 2);
    drop(held);
    assert_eq!(Arc::strong_count(&permit), 1);
}
