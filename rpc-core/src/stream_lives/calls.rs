//! The methods that serve the calls, and the tasks that make them.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::value::RawValue;

use super::ends::{self, Item, Reader, Source, on_purpose, pause};
use super::plan::{Act, HandlerPlan, Kind};
use super::record::{Answer, Outcome, Said, Seen, Stage, Which, World};
use crate::context::Context;
use crate::dispatch::{Router, Routes, Service};
use crate::message::ErrorObject;
use crate::middleware::{Handler, IncomingCall, Next, from_fn};
use crate::peer::{Call, CallHandle, Peer};
use crate::streaming::{StreamClosed, StreamSender, Streaming};

/// The router of each side.
pub(super) fn router(world: &Arc<World>) -> Router {
    async fn refuse(call: IncomingCall, next: Next<Handler>) -> Result<Box<RawValue>, ErrorObject> {
        if call.method().starts_with("unserved_") {
            return Err(ErrorObject::new(6, "not here"));
        }
        next.run(call).await
    }
    let router = Router::new().service(Serves(world.clone()));
    if world.plan.layered { router.layer(from_fn(refuse)) } else { router }
}

/// The methods, whose first parameter is the call's index.
struct Serves(Arc<World>);

type Opened = Result<Streaming<Item>, ErrorObject>;

impl Service for Serves {
    fn register(self, router: &mut Router) {
        let mut routes = Routes::new(router, self.0);
        routes.request(
            &["down", "unserved_down"],
            &["call"],
            |world: Arc<World>, _, (call,): (usize,)| async move {
                let _alive = Alive::new(&world, call);
                open(&world, call, Which::Result).await?;
                Opened::Ok(Source::new(world.clone(), call, Which::Result).into_stream())
            },
        );
        routes.request(&["up", "unserved_up"], &["call", "items"], |world: Arc<World>, cx, (call, items)| {
            up(world, cx, call, items)
        });
        routes.request(
            &["both", "unserved_both"],
            &["call", "items"],
            |world: Arc<World>, cx, (call, items)| both(world, cx, call, items),
        );
    }
}

async fn up(
    world: Arc<World>,
    cx: Context,
    call: usize,
    items: Streaming<Item>,
) -> Result<usize, ErrorObject> {
    let _alive = Alive::new(&world, call);
    let reader = Reader::new(world.clone(), call, Which::Argument, items);
    open(&world, call, Which::Argument).await?;
    let read = match world.call(call).handler {
        HandlerPlan::Shields => cx.shield(reader.read()).await,
        HandlerPlan::HandsOn => {
            tokio::spawn(reader.read());
            0
        }
        HandlerPlan::Lingers => {
            reader.read().await;
            pending().await
        }
        _ => reader.read().await,
    };
    world.record(call).answer = Some(Answer::Read(read));
    Ok(read)
}

async fn both(world: Arc<World>, cx: Context, call: usize, items: Streaming<Item>) -> Opened {
    let alive = Alive::new(&world, call);
    let mut reader = Reader::new(world.clone(), call, Which::Argument, items);
    open(&world, call, Which::Argument).await?;
    let made = move |out: StreamSender<_>| async move {
        let _alive = alive;
        let passes_on = async {
            while reader.next().await {
                let number = world.record(call).result.made;
                world.record(call).result.made += 1;
                out.send(Item::new(number, &world.call(call).result)).await?;
            }
            Ok::<_, StreamClosed>(())
        };
        match world.call(call).handler {
            HandlerPlan::Shields => cx.shield(passes_on).await?,
            _ => passes_on.await?,
        }
        let mut record = world.record(call);
        let failed = matches!(record.argument.seen, Some(Seen::End(Some(_))));
        record.result.said = Some(if failed { Said::Failed(9) } else { Said::Complete });
        drop(record);
        if failed { Err(ErrorObject::new(9, "its argument failed"))? } else { Ok(()) }
    };
    Ok(Streaming::produce(made))
}

/// The beginning of a handler. Returns the error if the handler refuses the call.
async fn open(world: &World, call: usize, which: Which) -> Result<(), ErrorObject> {
    pause(3 * usize::from(ends::plan(world, call, which).pauses)).await;
    let plan = world.call(call);
    let mut record = world.record(call);
    match plan.handler {
        HandlerPlan::Refuses => {
            record.answer = Some(Answer::Refused);
            Err(ErrorObject::new(8, "refused"))
        }
        HandlerPlan::Panics => {
            record.answer = Some(Answer::Panicked);
            drop(record);
            on_purpose()
        }
        _ => {
            record.answer = (plan.kind != Kind::Up).then_some(Answer::Stream);
            Ok(())
        }
    }
}

/// Counts a handler while it exists.
struct Alive {
    world: Arc<World>,
    call: usize,
}

impl Alive {
    fn new(world: &Arc<World>, call: usize) -> Self {
        world.reach(call, Stage::Served);
        world.record(call).handlers += 1;
        Self { world: world.clone(), call }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.world.record(self.call).handlers -= 1;
    }
}

/// Makes a call, and awaits it until its end or until its caller gives it up.
pub(super) async fn run(world: Arc<World>, index: usize, peer: Peer) {
    let act = world.call(index).act;
    pause(world.call(index).after).await;
    let made = make(world.clone(), index, peer);
    match act {
        Act::Await => made.await,
        Act::Drop(turns) => {
            if in_turns(turns, made).await.is_none() {
                give_up(&world, index);
                world.reach(index, Stage::Over);
            }
        }
        Act::Cancel(turns) => {
            let cancels = world.clone();
            tokio::spawn(async move {
                pause(turns).await;
                give_up(&cancels, index);
                let handle = cancels.record(index).handle.clone();
                handle.inspect(CallHandle::cancel);
            });
            made.await;
        }
    }
}

/// Awaits a future while other tasks run so many times. If it is still pending then, drops it.
async fn in_turns<T>(turns: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..turns {
        if let Some(output) = future.as_mut().now_or_never() {
            return Some(output);
        }
        pause(1).await;
    }
    None
}

fn give_up(world: &World, index: usize) {
    let mut record = world.record(index);
    record.is_given_up |= record.stage != Stage::Over;
}

async fn make(world: Arc<World>, index: usize, peer: Peer) {
    let plan = world.call(index);
    let argument = || Source::new(world.clone(), index, Which::Argument).into_stream();
    let begin = if plan.handler == HandlerPlan::Unserved { "unserved_" } else { "" };
    let named = |name| format!("{begin}{name}");
    let number = match plan.handler {
        HandlerPlan::WrongParams => serde_json::Value::Null,
        _ => index.into(),
    };
    match plan.kind {
        Kind::Down => open_result(&world, index, peer.invoke::<Opened>(&named("down"), (number,))).await,
        Kind::Both => {
            let call = peer.invoke_with_streams(&named("both"), (number, argument()));
            open_result(&world, index, call).await;
        }
        Kind::Up => {
            let params = (number, argument());
            let call = peer.invoke_with_streams::<Result<usize, ErrorObject>>(&named("up"), params);
            let outcome = called(&world, index, call).await.map_or_else(Outcome::Failed, Outcome::Read);
            world.record(index).outcome = Some(outcome);
        }
    }
    world.reach(index, Stage::Over);
}

async fn open_result(world: &Arc<World>, index: usize, call: Call<Opened>) {
    let (items, bytes) = world.call(index).window;
    let outcome = match called(world, index, call.window(items, bytes)).await {
        Ok(stream) => {
            world.reach(index, Stage::Opened);
            pause(2 * usize::from(world.call(index).result.pauses)).await;
            Reader::new(world.clone(), index, Which::Result, stream).read().await;
            Outcome::Opened
        }
        Err(error) => Outcome::Failed(error),
    };
    world.record(index).outcome = Some(outcome);
}

async fn called<R>(world: &World, index: usize, call: Call<R>) -> <Call<R> as Future>::Output
where
    Call<R>: Future,
{
    world.record(index).handle = Some(call.handle());
    world.reach(index, Stage::Called);
    call.await
}
