use super::*;

const fn totals(items: u64, bytes: u64) -> Totals {
    Totals { items, bytes }
}

/// Sends items of these lengths, each as soon as there is credit, to a receiver that takes at once. Gives the
/// totals that were told.
fn run(window: Totals, items: impl IntoIterator<Item = u64>) -> Vec<Totals> {
    let (mut sender, mut receiver) = (SendCredit::new(window), ReceiveCredit::new(window));
    let mut told = Vec::new();
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
    assert_eq!(sender.granted, totals(4, 20));
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
fn what_is_left_counts_items_that_may_go() {
    let mut sender = SendCredit::new(totals(3, 10));
    assert_eq!(sender.left(), 3);
    sender.spend(4);
    assert_eq!(sender.left(), 2);
    sender.spend(6);
    assert_eq!(sender.left(), 0, "no bytes are left");
}
