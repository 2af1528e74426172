//! One thread for all connections of the process. It notices when a handler blocks its connection's task.
//!
//! Each thread that drives connections has a desk: a list of the connections that poll handlers in the
//! current turn. Such a list is short, so both adding to it and looking through it are cheap. The watchdog
//! sleeps while no handlers are polled.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::panic_guard::guarded;

/// The interval of the watchdog's looks. A poll that is seen at two of them has lasted about this long.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// After this many looks without a polled handler the watchdog goes to sleep.
const IDLE_LOOKS: u32 = 10;

/// A connection, as the watchdog sees it.
pub(crate) trait Watched: Send + Sync {
    fn look(self: Arc<Self>, now: Instant);
}

/// Keeps a connection on the desk of the current thread.
pub(crate) struct Watch(PhantomData<*const ()>);

/// The desk of one thread.
#[derive(Default)]
struct Desk(Mutex<Turns>);

#[derive(Default)]
struct Turns {
    /// A handler may itself drive a connection, so there may be several.
    watched: Vec<Arc<dyn Watched>>,
    /// Whether a connection was added since the last look.
    busy: bool,
}

struct Watchdog {
    desks: Mutex<Vec<Weak<Desk>>>,
    asleep: AtomicBool,
    /// `None` if the system could not start the thread.
    thread: OnceLock<Option<Thread>>,
}

static WATCHDOG: Watchdog =
    Watchdog { desks: Mutex::new(Vec::new()), asleep: AtomicBool::new(false), thread: OnceLock::new() };

thread_local! {
    static DESK: Arc<Desk> = WATCHDOG.desk();
}

impl Watch {
    pub(crate) fn begin(watched: Arc<dyn Watched>) -> Option<Self> {
        // A thread that is ending has no desk any more.
        DESK.try_with(|desk| {
            let mut turns = desk.turns();
            turns.watched.push(watched);
            turns.busy = true;
        })
        .ok()?;
        // After the lock is released: the watchdog checks all desks once more after it has set `asleep`.
        if WATCHDOG.asleep.load(Ordering::Relaxed) {
            WATCHDOG.wake();
        }
        Some(Self(PhantomData))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Dropped after the lock is released: it may be the last reference to its connection.
        let _watched = DESK.try_with(|desk| desk.turns().watched.pop());
    }
}

impl Desk {
    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watchdog {
    /// Creates the desk of the current thread.
    fn desk(&'static self) -> Arc<Desk> {
        let desk = Arc::<Desk>::default();
        let mut desks = self.desks();
        desks.retain(|desk| desk.strong_count() > 0);
        desks.push(Arc::downgrade(&desk));
        drop(desks);
        self.thread.get_or_init(|| {
            let spawned = thread::Builder::new().name("birpc-watchdog".into()).spawn(|| self.run());
            spawned
                .inspect_err(
                    |error| tracing::error!(%error, "cannot start the thread that finds blocking handlers"),
                )
                .ok()
                .map(|thread| thread.thread().clone())
        });
        desk
    }

    fn desks(&self) -> MutexGuard<'_, Vec<Weak<Desk>>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        if self.asleep.swap(false, Ordering::Relaxed)
            && let Some(Some(thread)) = self.thread.get()
        {
            thread.unpark();
        }
    }

    fn run(&self) {
        let mut idle = 0;
        loop {
            thread::sleep(LOOK_EVERY);
            idle = if self.look() { 0 } else { idle + 1 };
            if idle < IDLE_LOOKS {
                continue;
            }
            self.asleep.store(true, Ordering::Relaxed);
            // Connections that were added before this look did not see that the watchdog sleeps.
            if self.look() {
                self.asleep.store(false, Ordering::Relaxed);
            }
            while self.asleep.load(Ordering::Relaxed) {
                thread::park();
            }
            idle = 0;
        }
    }

    /// Looks at every connection that polls handlers; `false` if none has since the last look.
    fn look(&self) -> bool {
        let desks: Vec<_> = {
            let mut desks = self.desks();
            desks.retain(|desk| desk.strong_count() > 0);
            desks.iter().filter_map(Weak::upgrade).collect()
        };
        let mut any = false;
        let now = Instant::now();
        for desk in desks {
            let mut turns = desk.turns();
            any |= std::mem::take(&mut turns.busy) || !turns.watched.is_empty();
            let watched = turns.watched.clone();
            drop(turns);
            for watched in watched {
                // This runs the application's subscriber, and may drop the last reference to a connection.
                if guarded(|| watched.look(now)).is_err() {
                    let _ = guarded(|| tracing::error!("a subscriber panicked"));
                }
            }
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Looks(AtomicUsize);

    impl Watched for Looks {
        fn look(self: Arc<Self>, _now: Instant) {
            self.0.fetch_add(1, Ordering::SeqCst);
            panic!("as the subscriber of an application may");
        }
    }

    /// Longer than the other tests of this binary keep the watchdog awake.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Waits for an effect of the watchdog's thread, which does not follow tokio's paused clock.
    fn until(what: &str, holds: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < end, "{what}");
            thread::yield_now();
        }
    }

    #[test]
    fn what_is_watched_is_seen_however_often_a_look_panics() {
        let watched = Arc::new(Looks::default());
        for looks in 1..3 {
            let before = watched.0.load(Ordering::SeqCst);
            let watch = Watch::begin(watched.clone());
            until("it is seen", || watched.0.load(Ordering::SeqCst) >= before + looks);
            drop(watch);
        }
        // Neither the desk nor the watchdog keeps a reference.
        until("it is free", || Arc::strong_count(&watched) == 1);
    }

    #[test]
    fn it_is_seen_also_when_the_watchdog_had_fallen_asleep() {
        let watched = Arc::new(Looks::default());
        drop(Watch::begin(watched.clone()));
        // This shows less while other tests keep waking the watchdog.
        until("it is asleep", || WATCHDOG.asleep.load(Ordering::Relaxed));
        let before = watched.0.load(Ordering::SeqCst);
        let _watch = Watch::begin(watched.clone());
        until("it is seen", || watched.0.load(Ordering::SeqCst) > before);
    }

    #[test]
    fn desks_go_with_their_threads() {
        let desk = || thread::spawn(|| DESK.with(Arc::downgrade)).join().expect("no panic");
        let desks: Vec<Weak<Desk>> = (0..20).map(|_| desk()).collect();
        let _watch = Watch::begin(Arc::new(Looks::default())); // it may be asleep
        let is_ours = |kept: &Weak<Desk>| desks.iter().any(|desk| desk.ptr_eq(kept));
        until("they are gone", || !WATCHDOG.desks().iter().any(is_ours));
    }
}
