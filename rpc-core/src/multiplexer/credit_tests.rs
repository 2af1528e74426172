use proptest::prelude::*;

use super::*;

const fn totals(items: u64, bytes: u64) -> Totals {
    Totals { items, bytes }
}

/// Sends items of these lengths, each as soon as there is credit, to a receiver that takes at once. Gives the
/// totals that were told.
fn run(window: Totals, items: impl IntoIterator<Item = u64>) -> Vec<Totals> {
    run_from(window, window, items)
}

fn run_from(initial: Totals, window: Totals, items: impl IntoIterator<Item = u64>) -> Vec<Totals> {
    let (mut sender, mut receiver) = (SendCredit::new(initial), ReceiveCredit::new(initial));
    let mut told = Vec::from_iter(receiver.raise(window));
    for total in &told {
        sender.grant(*total);
    }
    for bytes in items {
        assert!(sender.may_send(), "stuck after {} totals", told.len());
        sender.spend(bytes);
        receiver.arrive(bytes).expect("it was granted");
        receiver.take(bytes);
        told.extend(receiver.raise(window));
        if let Some(total) = told.last() {
            sender.grant(*total);
        }
    }
    told
}

#[test]
fn a_total_is_told_once_in_half_a_window() {
    let window = totals(64, 256 << 10);
    assert_eq!(run(window, std::iter::repeat_n(7, 10_000)).len(), 312);
    // And one more for an argument, whose window begins when it is first read.
    assert_eq!(run_from(FIXED, window, std::iter::repeat_n(7, 10_000)).len(), 313);
    // Items of a half and a bit of what one window has in bytes.
    assert_eq!(run(window, std::iter::repeat_n(130 << 10, 100)).len(), 100);
}

#[test]
fn windows_of_one_let_any_item_pass() {
    assert_eq!(run(totals(1, 1), [1, 1_000_000, 2, 5]).len(), 4);
    assert_eq!(run(totals(1, 1 << 20), [3, 3]), [totals(2, (1 << 20) + 3), totals(3, (1 << 20) + 6)]);
    assert_eq!(run(totals(64, 1), [100, 1]), [totals(65, 101), totals(66, 102)]);
}

#[test]
fn the_last_item_may_overshoot_in_bytes_and_in_nothing_else() {
    let mut sender = SendCredit::new(totals(3, 10));
    sender.spend(9);
    assert!(sender.may_send(), "one byte is left");
    sender.spend(1 << 20);
    assert!(!sender.may_send());
    assert!(!sender.grant(totals(3, 1 << 20)), "9 bytes are missing");
    assert!(sender.grant(totals(3, 1 << 30)));
    sender.spend(1);
    assert!(!sender.grant(totals(3, u64::MAX)), "no items are left");
    assert!(sender.grant(totals(4, 0)));
    assert!(!sender.grant(totals(5, 0)), "it did not wait");
}

#[test]
fn totals_never_go_down() {
    let mut sender = SendCredit::new(totals(2, 10));
    sender.grant(totals(1, 20));
    sender.grant(totals(4, 1));
    assert_eq!(sender.granted(), totals(4, 20));
}

#[test]
fn no_item_is_left_without_bytes() {
    let mut sender = SendCredit::new(totals(4, 10));
    assert_eq!(sender.left(), 4);
    sender.spend(9);
    assert_eq!(sender.left(), 3);
    sender.spend(9);
    assert_eq!(sender.left(), 0);
    sender.grant(totals(5, 20));
    assert_eq!(sender.left(), 3);
}

#[test]
fn credit_is_used_up_until_the_next_total() {
    let mut receiver = ReceiveCredit::new(totals(2, 10));
    receiver.arrive(3).expect("it was granted");
    assert!(!receiver.is_used_up());
    receiver.arrive(3).expect("it was granted");
    receiver.take(3);
    assert!(receiver.is_used_up());
    assert_eq!(receiver.raise(totals(2, 10)), Some(totals(3, 13)));
    assert!(!receiver.is_used_up());
}

#[test]
fn totals_saturate() {
    let most = totals(u64::MAX, u64::MAX);
    let (mut sender, mut receiver) = (SendCredit::new(most), ReceiveCredit::new(most));
    sender.spend(u64::MAX - 1);
    assert!(sender.may_send());
    sender.spend(5);
    assert!(!sender.may_send(), "more than the largest total was sent");
    receiver.arrive(u64::MAX - 1).expect("it was granted");
    receiver.take(u64::MAX - 1);
    assert_eq!(receiver.raise(most), None, "there is no larger total");
}

#[test]
fn a_window_that_holds_nothing_is_never_raised_over() {
    let mut receiver = ReceiveCredit::new(totals(0, 0));
    assert_eq!(receiver.arrive(1), Err(Excess));
    assert_eq!(receiver.raise(totals(0, 0)), None);
    assert_eq!(receiver.raise(totals(1, 1)), Some(totals(1, 1)));
}

#[test]
fn an_argument_gets_its_window_when_it_is_first_read() {
    let (mut pot, window) = (Pot::new(1 << 20), totals(64, 256 << 10));
    let mut credit = PooledCredit::new(FIXED, window);
    assert_eq!(pot.free(), 1 << 20, "what is fixed is the floor");
    assert_eq!(credit.raise(&mut pot), Some(window));
    assert_eq!(pot.free(), (1 << 20) - (240 << 10));
    assert_eq!(credit.raise(&mut pot), None);
    credit.discard(&mut pot);
    assert_eq!(pot.free(), 1 << 20);
}

#[test]
fn an_empty_pot_makes_windows_smaller_and_stops_nobody() {
    let (mut pot, window) = (Pot::new(1000), totals(1 << 20, 256 << 10));
    let mut first = PooledCredit::new(totals(0, 0), window);
    let mut second = first.clone();
    assert_eq!(first.raise(&mut pot), Some(totals(1 << 20, FLOOR + 1000)));
    assert_eq!(second.raise(&mut pot), Some(totals(1 << 20, FLOOR)));
    assert_eq!(pot.free(), 0);
    // Half of what there is, not of what was asked for.
    second.arrive(FLOOR).expect("it was granted");
    second.take(FLOOR, &mut pot);
    assert_eq!(second.raise(&mut pot), Some(totals((1 << 20) + 1, 2 * FLOOR)));
    // What the one gives back, the other gets when it is next looked at.
    first.discard(&mut pot);
    assert_eq!(pot.free(), 1000);
    second.arrive(FLOOR).expect("it was granted");
    second.take(FLOOR, &mut pot);
    assert_eq!(second.raise(&mut pot), Some(totals((1 << 20) + 2, 3 * FLOOR + 1000)));
}

#[test]
fn a_stream_that_has_ended_holds_what_is_unread() {
    let mut pot = Pot::new(1 << 20);
    let mut credit = PooledCredit::new(totals(0, 0), totals(64, 256 << 10));
    credit.raise(&mut pot);
    credit.arrive(100 << 10).expect("it was granted");
    credit.close(&mut pot);
    assert_eq!((credit.unread(), pot.free()), (100 << 10, (1 << 20) - (84 << 10)));
    credit.take(100 << 10, &mut pot);
    assert_eq!(pot.free(), 1 << 20);
}

proptest! {
    /// A sender that fills its credit and a receiver that takes a few at a time, of several streams on one
    /// pot.
    #[test]
    fn nothing_gets_stuck_and_nothing_is_exceeded(
        pot_bytes in prop_oneof![Just(0u64), 1..100u64, Just(1 << 20)],
        windows in prop::collection::vec((1..5u64, prop_oneof![1..20u64, Just(40_000)]), 1..4),
        lens in prop::collection::vec(1..60_000u64, 1..40),
        takes in prop::collection::vec((0..4usize, 1..4usize), 1..60),
    ) {
        let mut pot = Pot::new(pot_bytes);
        let mut streams: Vec<_> = windows.iter().map(|(items, bytes)| {
            let mut credit = PooledCredit::new(totals(0, 0), totals(*items, *bytes));
            let first = credit.raise(&mut pot).expect("the first total");
            (SendCredit::new(first), credit, std::collections::VecDeque::new(), lens.clone())
        }).collect();
        let mut rounds = takes.into_iter().chain((0..).map(|round| (round, 1)));
        let mut idle = 0;
        while idle < 4 * streams.len() * 4 {
            let (index, count) = rounds.next().expect("there is no last");
            let len = streams.len();
            let (sender, credit, queue, left) = &mut streams[index % len];
            idle += 1;
            while sender.may_send() && let Some(len) = left.pop() {
                idle = 0;
                sender.spend(len);
                prop_assert_eq!(credit.arrive(len), Ok(()));
                queue.push_back(len);
            }
            for len in queue.drain(..count.min(queue.len())) {
                idle = 0;
                credit.take(len, &mut pot);
                if let Some(total) = credit.raise(&mut pot) {
                    sender.grant(total);
                }
            }
            let shares: u64 = streams.iter().map(|(_, credit, ..)| credit.share).sum();
            prop_assert_eq!(shares + pot.free(), pot_bytes);
            for (_, credit, ..) in &streams {
                prop_assert!(credit.credit.outstanding() <= FLOOR + credit.share);
                prop_assert!(credit.credit.outstanding() <= credit.window.bytes);
            }
        }
        for (_, _, queue, left) in &streams {
            prop_assert!(queue.is_empty() && left.is_empty(), "stuck: {} to send", left.len());
        }
    }
}
