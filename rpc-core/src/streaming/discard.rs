//! Polls a source whose items nobody gets, since its call was cancelled. A section of the source may be
//! shielded from cancels, and completes in this way.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::source::{Pulled, Source};
use crate::message::{Totals, WordText};

/// The number of items, and of their bytes, after which there is a pause.
const MOST: Totals = Totals { items: 32, bytes: 64 << 10 };

/// The shielded section may belong to another task, and the source may always be ready. Without pauses it
/// would occupy a thread until that section ends.
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Default)]
pub(super) struct Discard {
    pause: Option<Pin<Box<Sleep>>>,
}

impl Discard {
    /// Polls the source until it is pending, and discards its items.
    pub(super) fn poll(&mut self, source: &mut dyn Source, cx: &mut Context<'_>) {
        loop {
            if let Some(pause) = &mut self.pause {
                if pause.as_mut().poll(cx).is_pending() {
                    return;
                }
                self.pause = None;
            }
            let mut nowhere = WordText::push(0, 0);
            let (empty, mut discarded) = (nowhere.mark(), Totals::default());
            while discarded.items < MOST.items && discarded.bytes < MOST.bytes {
                let Poll::Ready(Pulled::Item(bytes)) = source.poll_item(cx, &mut nowhere) else { return };
                nowhere.truncate(empty);
                discarded.items += 1;
                discarded.bytes += bytes;
            }
            self.pause = Some(Box::pin(sleep(PAUSE)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorObject, Streaming};

    #[tokio::test(start_paused = true)]
    async fn a_source_that_is_always_ready_is_not_polled_all_the_time() {
        let (numbers, taken) = std::sync::mpsc::channel();
        let mut source = Streaming::<u64, ErrorObject>::from_iter(
            (0..).inspect(move |_| numbers.send(()).expect("the test counts")),
        );
        let mut discard = Discard::default();
        let began = tokio::time::Instant::now();
        let polling = std::future::poll_fn(|cx| {
            discard.poll(&mut source, cx);
            Poll::<()>::Pending
        });
        assert!(tokio::time::timeout(Duration::from_millis(95), polling).await.is_err());
        assert_eq!(taken.try_iter().count() as u64, 10 * MOST.items, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn large_items_make_pauses_too() {
        let (texts, taken) = std::sync::mpsc::channel();
        let text = "x".repeat(MOST.bytes as usize);
        let items = std::iter::repeat_with(move || {
            let _ = texts.send(());
            text.clone()
        });
        let mut source = Streaming::<String, ErrorObject>::from_iter(items);
        let mut discard = Discard::default();
        std::future::poll_fn(|cx| {
            discard.poll(&mut source, cx);
            Poll::Ready(())
        })
        .await;
        assert_eq!(taken.try_iter().count(), 1);
    }
}
