//! A drain ends the streams that would never end by themselves.

use std::task::Poll;

use super::tests::{Table, id, table};
use super::*;

#[test]
fn a_drain_ends_what_would_never_end() {
    let mut table = table();
    let accept = |table: &mut Table, number: &str| {
        table.accept_call(&id(number), Some(Totals::default()), &[]).expect("there is room").result
    };
    let endless = accept(&mut table, "1").expect("a result");
    let finite = accept(&mut table, "2").expect("a result");
    assert!(table.open_result(endless, true) && table.open_result(finite, false));
    assert!(table.poll_credit(endless, &mut Some("endless")).is_pending());
    assert!(table.poll_credit(finite, &mut Some("finite")).is_pending());
    assert_eq!(table.drain(), ["endless"]);
    assert_eq!(table.poll_credit(endless, &mut None), Poll::Ready(Err(Halt::Draining)));
    assert!(table.poll_credit(finite, &mut None).is_pending());
    // One whose handler was slower.
    table.finish_call(&id("1"));
    let late = accept(&mut table, "3").expect("a result");
    assert!(!table.open_result(late, true));
}

#[test]
fn a_drain_ends_arguments_that_would_never_end_and_the_callee_is_told() {
    let mut table = table();
    let [endless, finite, stopped] = table.open_call(1, None, &[1, 2, 3]).0.arguments[..] else { panic!() };
    table.call_sent(1);
    assert_eq!([endless, stopped].map(|key| table.set_endless(key)), [None, None]);
    for key in [endless, finite, stopped] {
        assert!(table.poll_halted(key, &mut Some("woken")).is_pending());
    }
    assert_eq!(table.drain(), ["woken", "woken"]);
    assert_eq!(table.poll_credit(endless, &mut None), Poll::Ready(Err(Halt::Draining)));
    assert_eq!(table.poll_credit(finite, &mut None), Poll::Ready(Ok(())));
    // What it had gathered goes first.
    assert!(table.spend_all(endless, Totals { items: 1, bytes: 1 }));
    assert_eq!(table.end_argument(endless).0, Some((1, 1)));
    // The callee has dropped this one meanwhile.
    table.handle_stop(1, 3);
    assert_eq!(table.end_argument(stopped).0, None);
    assert_eq!(table.end_argument(finite).0, Some((1, 2)));

    // Of a call that is made later.
    let late = table.open_call(2, None, &[1]).0.arguments[0];
    table.call_sent(2);
    assert_eq!(table.poll_credit(late, &mut None), Poll::Ready(Ok(())));
    table.set_endless(late);
    assert_eq!(table.poll_credit(late, &mut None), Poll::Ready(Err(Halt::Draining)));
    // It was answered first.
    table.handle_reply(2, &End::Complete);
    assert_eq!(table.end_argument(late).0, None);
    assert!(table.is_at_rest());
}
