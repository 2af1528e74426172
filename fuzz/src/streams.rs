//! The methods with streams, and the streams that we ask the peer for.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use birpc_core::__private::{Router, Routes, Service};
use birpc_core::{Call, CallError, ErrorObject, Peer, RawValue, StreamError, Streaming};

use crate::service::{Reply, panic_on_purpose};

type Items = Streaming<Box<RawValue>>;

/// Names are short, so that the fuzzer finds them.
pub(crate) struct Streams;

impl Service for Streams {
    fn register(self, router: &mut Router) {
        let mut routes = Routes::new(router, Arc::new(()));
        routes.request(&["down"], &["n"], |_, _, (n,): (u8,)| async move { Reply::Ok(numbers(n)) });
        routes.request(&["torn"], &["n"], |_, _, (n,): (u8,)| async move {
            Reply::Ok(Streaming::<u8>::produce(move |out| async move {
                for number in 0..n {
                    out.send(number).await?;
                }
                Err(ErrorObject::new(3, "it fails"))?
            }))
        });
        routes.request(&["burst"], &["n"], |_, _, (n,): (u8,)| async move {
            Reply::Ok(Streaming::<u8>::from_iter((0..=n).inspect(move |number| {
                if *number == n {
                    drop(panic_on_purpose());
                }
            })))
        });
        routes.request(&["idle"], &[], |_, _, (): ()| async {
            Reply::Ok(Streaming::<u8>::produce(|_| pending::<Result<(), StreamError>>()))
        });
        routes.request(&["up"], &["take", "items"], |_, _, (take, items): (u8, Items)| up(take, items));
        routes.request(&["keep"], &["items"], |_, _, (items,): (Items,)| async move {
            let _kept = items;
            pending::<Reply<()>>().await
        });
        routes.request(&["pass"], &["items"], |_, _, (items,): (Items,)| async { Reply::Ok(items) });
        routes.request(&["two"], &["a", "b"], |_, _, (a, b): (Items, Items)| async move {
            Reply::Ok((up(255, a).await?, up(255, b).await?))
        });
    }
}

pub(crate) fn numbers(items: u8) -> Streaming<u8> {
    Streaming::from_iter(0..items)
}

async fn up(take: u8, mut items: Items) -> Reply<usize> {
    let mut taken = 0;
    while taken < usize::from(take) {
        match items.next().await {
            Some(Ok(_)) => taken += 1,
            Some(Err(error)) => return Err(ErrorObject::new(4, error.to_string())),
            None => break,
        }
    }
    Ok(taken)
}

/// A call of ours whose result is a stream.
pub(crate) struct Pulled {
    state: State,
    reads: bool,
}

enum State {
    Calling(Call<Result<Items, ErrorObject>>),
    Open(Items),
    Over,
}

impl Pulled {
    pub(crate) fn new(peer: &Peer, method: &str, reads: bool) -> Self {
        Self { state: State::Calling(peer.invoke(method, ())), reads }
    }

    /// Reads what there is. `false` once it has ended.
    pub(crate) fn poll(&mut self) -> bool {
        if let State::Calling(call) = &mut self.state {
            match poll_once(call) {
                Poll::Ready(Ok(stream)) => self.state = State::Open(stream),
                Poll::Ready(Err(error)) => {
                    assert!(!matches!(error, CallError::TimedOut), "it has no timeout");
                    self.state = State::Over;
                }
                Poll::Pending => {}
            }
        }
        while let State::Open(stream) = &mut self.state
            && self.reads
            && let Poll::Ready(next) = poll_once(stream.next())
        {
            if !matches!(next, Some(Ok(_))) {
                assert!(matches!(poll_once(stream.next()), Poll::Ready(None)), "nothing follows the end");
                self.state = State::Over;
            }
        }
        !matches!(self.state, State::Over)
    }

    /// The connection has ended: the stream does too.
    pub(crate) fn check_end(mut self) {
        self.reads = true;
        assert!(!self.poll(), "a stream is not told of the end");
    }
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}
