//! What the documents say of costs: run by hand.

use std::task::{Poll, Waker};

use super::receiving::Receiving;
use super::sending::Sending;
use super::{Grant, Members, StreamLimits, Streams};
use crate::message::{Decoded, Id, Incoming, ParsedWord, Totals, Version, Word, WordText, decode};

const WINDOW: Totals = Totals { items: 64, bytes: 256 << 10 };

const LIMITS: StreamLimits = StreamLimits { max_streams: 9, max_stream_bytes: 16 << 20, window: WINDOW };

/// Counted with callgrind: `BIRPC_ITEMS=n BIRPC_AT_ONCE=32`.
#[test]
#[ignore = "for counting instructions"]
fn count_instructions() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(0usize);
    let (total, at_once) = (number("BIRPC_ITEMS"), number("BIRPC_AT_ONCE").max(1));
    let (mut table, mut peer) = (Streams::new(LIMITS), Streams::new(LIMITS));
    let (call, credit) = table.open_call(1, Some(WINDOW), &[]);
    let served =
        peer.accept_call(&Id::number(1), credit, &[]).expect("there is room").result.expect("a result");
    peer.open_result(served, false);
    let (call, value) = (call.result.expect("a result"), "x".repeat(58));
    for _ in 0..total / at_once {
        assert_eq!(peer.poll_credit(served, &mut None::<u8>), Poll::Ready(Ok(())));
        let mut word = WordText::item(&Id::number(1));
        (0..at_once).for_each(|_| {
            let len = word.value(&value).expect("it serialises");
            peer.spend(served, len);
        });
        let text = word.finish();
        peer.written(served, text.len() as u64);
        let Decoded::One(Incoming::Notification { method, params }) = decode(&text, 1, Version::Required)
        else {
            panic!("no notification");
        };
        let ParsedWord::Word(Word::Item { id: number, items }) = Word::parse(&method, params) else {
            panic!("no word");
        };
        let items = items.map(|item| text.slice_ref(item.as_bytes()));
        table.handle_items(number.as_number().expect("a number"), items);
        while let (Poll::Ready(_), grant) = table.poll_next(call, &mut Some(1)) {
            if let Some(Grant { total, .. }) = grant {
                peer.handle_more(&Id::number(1), total);
            }
        }
    }
}

#[test]
#[ignore = "for the documents"]
fn sizes() {
    println!("Sending {}", size_of::<Sending<Waker>>());
    println!("Receiving {}", size_of::<Receiving<Waker>>());
    println!("Streams {}", size_of::<Streams<Waker>>());
    println!("Members {}", size_of::<Members>());
}
