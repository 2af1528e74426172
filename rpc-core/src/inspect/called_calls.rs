//! The calls that a server has made since somebody watches, and that are open.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::{OpenCall, OpenCallState};

/// Connections on several threads seldom wait for each other.
const SHARDS: usize = 8;

/// The number of calls of a shard. Further ones are not listed.
const MAX_CALLS: usize = 4096;

#[derive(Default)]
pub(super) struct CalledCalls {
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    /// By their keys, which grow: the oldest call comes first.
    calls: BTreeMap<u64, CalledCall>,
    last_key: u64,
}

struct CalledCall {
    connection: u64,
    method: Arc<str>,
    began: Instant,
    /// Set once the call is entered at its connection.
    id: Option<u64>,
    streams: bool,
}

impl CalledCalls {
    /// Adds a call. Returns its key for the other methods; `None` if there are too many.
    pub(super) fn add(&self, connection: u64, method: &Arc<str>, began: Instant) -> Option<u64> {
        let mut shard = self.shard(connection);
        if shard.calls.len() >= MAX_CALLS {
            return None;
        }
        shard.last_key += 1;
        let key = shard.last_key;
        let call = CalledCall { connection, method: method.clone(), began, id: None, streams: false };
        shard.calls.insert(key, call);
        Some(key)
    }

    /// Sets the id of a call.
    pub(super) fn numbered(&self, connection: u64, key: u64, id: u64) {
        if let Some(call) = self.shard(connection).calls.get_mut(&key) {
            call.id = Some(id);
        }
    }

    /// The result of a call is a stream, which begins.
    pub(super) fn streams(&self, connection: u64, key: u64) {
        if let Some(call) = self.shard(connection).calls.get_mut(&key) {
            call.streams = true;
        }
    }

    /// Removes a call that has ended.
    pub(super) fn remove(&self, connection: u64, key: u64) {
        self.shard(connection).calls.remove(&key);
    }

    /// Removes all calls. Their keys are not used again.
    pub(super) fn clear(&self) {
        self.shards.iter().for_each(|shard| locked(shard).calls.clear());
    }

    /// The oldest calls, at most `max`, each with its connection.
    pub(super) fn oldest(&self, max: usize) -> Vec<(u64, OpenCall)> {
        let mut oldest = Vec::new();
        for shard in &self.shards {
            oldest.extend(locked(shard).calls.values().take(max).map(CalledCall::shown));
        }
        oldest.sort_by_key(|(_, call)| std::cmp::Reverse(call.age));
        oldest.truncate(max);
        oldest
    }

    fn shard(&self, connection: u64) -> MutexGuard<'_, Shard> {
        locked(&self.shards[connection as usize % SHARDS])
    }
}

impl CalledCall {
    fn shown(&self) -> (u64, OpenCall) {
        let state = if self.streams { OpenCallState::Streams } else { OpenCallState::AwaitsPeer };
        let id = self.id.map(|id| id.to_string().into());
        (self.connection, OpenCall { method: self.method.clone(), id, age: self.began.elapsed(), state })
    }
}

fn locked(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::time::Duration;

    use super::super::{CallOutcome, EndedCall, Inspected, Inspection, WatchedCall, Watcher};
    use super::*;
    use crate::redact::Direction;
    use crate::transport::Frame;

    struct Deaf;

    impl Watcher for Deaf {
        fn call_ended(&self, _call: &EndedCall<'_>) {}

        fn frame(&self, _connection: u64, _direction: Direction, _frame: &Frame) {}
    }

    fn listed(calls: &CalledCalls, max: usize) -> Vec<(u64, Option<String>, u64, OpenCallState)> {
        let oldest = calls.oldest(max).into_iter();
        oldest.map(|(at, call)| (at, call.id.map(String::from), call.age.as_secs(), call.state)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_come_first_whichever_connection_they_are_at() {
        let (calls, method) = (CalledCalls::default(), Arc::from("ask"));
        let mut keys = Vec::new();
        for connection in [3, 1, 11] {
            keys.push(calls.add(connection, &method, Instant::now()).expect("room"));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        calls.numbered(3, keys[0], 7);
        calls.streams(11, keys[2]);
        let (first, second) =
            ((3, Some("7".into()), 3, OpenCallState::AwaitsPeer), (1, None, 2, OpenCallState::AwaitsPeer));
        let third = (11, None, 1, OpenCallState::Streams);
        assert_eq!(listed(&calls, 9), [first.clone(), second.clone(), third.clone()]);
        assert_eq!(listed(&calls, 2), [first, second.clone()]);
        calls.remove(3, keys[0]);
        calls.remove(3, keys[0]);
        assert_eq!(listed(&calls, 9), [second, third]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_listed_is_bounded_and_no_key_comes_twice() {
        let (calls, method) = (CalledCalls::default(), Arc::from("ask"));
        let add = || calls.add(1, &method, Instant::now());
        let keys: Vec<_> = (0..MAX_CALLS).map_while(|_| add()).collect();
        assert_eq!((keys.len(), add()), (MAX_CALLS, None));
        calls.remove(1, keys[5]);
        let last = add().expect("room");
        assert!(!keys.contains(&last));
        calls.clear();
        let next = add().expect("room");
        calls.remove(1, last);
        assert!(next > last && listed(&calls, 9).len() == 1);
    }

    #[test]
    fn nothing_is_listed_unless_somebody_watches() {
        let inspection = Inspection::default();
        let inspected = Inspected::at(&inspection);
        let call = || WatchedCall::called(&inspected, 1, &|| Cow::Borrowed("ask"));
        let listed = || inspection.called(9).len();
        let before = call();
        let (first, second) = (inspection.watch(Arc::new(Deaf)), inspection.watch(Arc::new(Deaf)));
        let open = call();
        open.numbered(4);
        drop((first, before));
        assert_eq!(listed(), 1);
        drop(second);
        assert_eq!(listed(), 0);
        let _watching = inspection.watch(Arc::new(Deaf));
        let other = call();
        open.streams();
        open.end(|| CallOutcome::Ok);
        assert_eq!(listed(), 1);
        drop(other);
        assert_eq!(listed(), 0);
    }
}
