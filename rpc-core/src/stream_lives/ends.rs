//! The two ends of a stream: its producer and its consumer.

use std::future::pending;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::{Stream, StreamExt};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Serialize, Serializer};
use tokio::sync::broadcast;
use tokio::task::yield_now;

use super::plan::{Ending, MadeBy, StreamPlan};
use super::record::{Said, Seen, Stage, Which, World};
use crate::message::ErrorObject;
use crate::streaming::{StreamError, Streaming};

/// A number, and a text that makes the item longer.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Item(usize, String);

/// The text of an item that panics while it is serialised.
const PANICS: &str = "panics";

impl Item {
    pub(super) fn new(number: usize, plan: &StreamPlan) -> Self {
        Self(number, "x".repeat(plan.len - 4))
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(2)?;
        tuple.serialize_element(&self.0)?;
        if self.1 == PANICS {
            on_purpose();
        }
        tuple.serialize_element(&self.1)?;
        tuple.end()
    }
}

/// Panics without calling the panic hook.
pub(super) fn on_purpose() -> ! {
    resume_unwind(Box::new("on purpose"))
}

/// Lets other tasks run.
pub(super) async fn pause(times: usize) {
    for _ in 0..times {
        yield_now().await;
    }
}

/// Produces the items of a stream and its end.
pub(super) struct Source {
    world: Arc<World>,
    call: usize,
    which: Which,
    plan: StreamPlan,
    paused: bool,
}

impl Source {
    pub(super) fn new(world: Arc<World>, call: usize, which: Which) -> Self {
        let plan = *plan(&world, call, which);
        world.record(call).track(which).sources += 1;
        Self { world, call, which, plan, paused: false }
    }

    /// The stream that is sent.
    pub(super) fn into_stream(mut self) -> Streaming<Item> {
        match self.plan.made_by {
            MadeBy::Stream => Streaming::try_from_stream(self),
            MadeBy::Channel => self.channel(),
            MadeBy::Block => Streaming::produce(|out| async move {
                while let Some(item) = self.next().await {
                    out.send(item?).await?;
                }
                Ok(())
            }),
        }
    }

    fn channel(self) -> Streaming<Item> {
        const CAPACITY: usize = 8;
        let (items, receiver) = broadcast::channel(CAPACITY);
        for number in 0..self.plan.items {
            items.send(Item::new(number, &self.plan)).expect("somebody receives");
        }
        let missed = self.plan.items.saturating_sub(CAPACITY);
        let mut record = self.world.record(self.call);
        let track = record.track(self.which);
        match missed {
            0 => track.made = self.plan.items,
            missed => track.said = Some(Said::Lagged(missed as u64)),
        }
        match self.plan.ending {
            Ending::Complete => drop(track.said.get_or_insert(Said::Complete)),
            _ => self.world.keep(items),
        }
        Streaming::from_broadcast(receiver)
    }
}

impl Stream for Source {
    type Item = Result<Item, ErrorObject>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.plan.pauses && !self.paused {
            self.paused = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.paused = false;
        let mut record = self.world.record(self.call);
        let track = record.track(self.which);
        if track.made < self.plan.items {
            track.made += 1;
            return Poll::Ready(Some(Ok(Item::new(track.made - 1, &self.plan))));
        }
        if self.plan.ending == Ending::Never {
            return Poll::Pending;
        }
        if track.said.is_some() {
            // A block is an item ahead of what is serialised.
            let is_ahead = (self.plan.ending, self.plan.made_by) == (Ending::PanicsInItem, MadeBy::Block);
            assert!(is_ahead, "it was polled after its end");
            return Poll::Pending;
        }
        track.said = Some(match self.plan.ending {
            Ending::Complete => Said::Complete,
            Ending::Fails => Said::Failed(7),
            _ => Said::Panicked,
        });
        drop(record);
        match self.plan.ending {
            Ending::Fails => Poll::Ready(Some(Err(ErrorObject::new(7, "torn")))),
            Ending::Panics => on_purpose(),
            Ending::PanicsInItem => Poll::Ready(Some(Ok(Item(0, PANICS.into())))),
            Ending::Complete | Ending::Never => Poll::Ready(None),
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.world.record(self.call).track(self.which).sources -= 1;
    }
}

/// Consumes the items of a stream.
pub(super) struct Reader {
    world: Arc<World>,
    call: usize,
    which: Which,
    stream: Option<Streaming<Item>>,
}

impl Reader {
    pub(super) fn new(world: Arc<World>, call: usize, which: Which, stream: Streaming<Item>) -> Self {
        Self { world, call, which, stream: Some(stream) }
    }

    /// Reads as planned. Returns the number of items.
    pub(super) async fn read(mut self) -> usize {
        while self.next().await {}
        self.world.record(self.call).track(self.which).got
    }

    /// Takes an item. Returns `false` at the end of the stream, or if the plan is to drop it now.
    pub(super) async fn next(&mut self) -> bool {
        let plan = *plan(&self.world, self.call, self.which);
        let got = self.world.record(self.call).track(self.which).got;
        if plan.stalls {
            pending::<()>().await;
        }
        if plan.take == Some(got) {
            self.give_up();
            return false;
        }
        pause(plan.pauses.into()).await;
        let Some(stream) = &mut self.stream else { return false };
        let next = stream.next().await;
        let is_item = matches!(next, Some(Ok(_)));
        self.note(next, got);
        if let Some(stream) = self.stream.as_mut().filter(|_| !is_item) {
            assert!(stream.next().await.is_none(), "nothing comes behind the end");
        }
        is_item
    }

    fn note(&self, next: Option<Result<Item, StreamError>>, got: usize) {
        let len = plan(&self.world, self.call, self.which).len;
        let mut record = self.world.record(self.call);
        record.stage = record.stage.max(Stage::Flowing);
        let track = record.track(self.which);
        match next {
            Some(Ok(Item(number, text))) => {
                assert_eq!((number, text.len()), (got, len - 4), "items come in order, each once");
                track.got += 1;
            }
            Some(Err(error)) => track.seen = Some(Seen::End(Some(error))),
            None => track.seen = Some(Seen::End(None)),
        }
    }

    fn give_up(&mut self) {
        if self.stream.take().is_some() {
            self.world.record(self.call).track(self.which).seen.get_or_insert(Seen::Dropped);
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.give_up();
    }
}

pub(super) fn plan(world: &World, call: usize, which: Which) -> &StreamPlan {
    match which {
        Which::Result => &world.call(call).result,
        Which::Argument => &world.call(call).argument,
    }
}
