//! Results that are subscriptions, for a peer that does not speak `birpc.v1`. Their call is answered before
//! their first item, so they have ids of their own. They have no credit.

use std::sync::Arc;

use super::{Halt, Key, Name, Sending, Streams, TooManyStreams};
use crate::message::{Id, Totals};
use crate::subscription::SubscriptionForm;

const NO_LIMIT: Totals = Totals { items: u64::MAX, bytes: u64::MAX };

impl<W> Streams<W> {
    /// Enters the result of a request when it is read.
    pub(crate) fn accept_subscription(&mut self) -> Result<Key, TooManyStreams> {
        if self.results >= self.limits.max_streams {
            return Err(TooManyStreams);
        }
        let key = self.new_key();
        self.sending.insert(key, Sending::new(Name::Subscription(None), NO_LIMIT));
        self.results += 1;
        Ok(key)
    }

    /// Gives a stream that a handler has returned an id that no other subscription has. `None` if the
    /// connection has ended.
    pub(crate) fn name_subscription(
        &mut self,
        key: Key,
        form: &Arc<SubscriptionForm>,
        mut new_id: impl FnMut() -> Id,
    ) -> Option<Id> {
        let sending = self.sending.get_mut(&key)?;
        let id = std::iter::repeat_with(&mut new_id).find(|id| !self.subscriptions.contains_key(id))?;
        // A layer may have called the handler twice.
        if let Name::Subscription(Some(old)) = &sending.name {
            self.subscriptions.remove(old);
        }
        sending.name = Name::Subscription(Some(id.clone()));
        self.subscriptions.insert(id.clone(), (key, form.clone()));
        Some(id)
    }

    /// Records that the reply with the id has been passed on, so that items may follow it. Returns the task
    /// to wake.
    pub(crate) fn open_subscription(&mut self, key: Key) -> Option<W> {
        let sending = self.sending.get_mut(&key)?;
        // A drain cannot wait until the subscriber ends it.
        sending.endless = true;
        let waker = sending.open();
        if self.draining {
            sending.halt(Halt::Draining);
        }
        waker
    }

    /// Ends the subscription with this id, if `method` is the one that ends it. Returns whether there was
    /// one, and the task to wake.
    pub(crate) fn unsubscribe(&mut self, id: &Id, method: &str) -> (bool, Option<W>) {
        let found = self.subscriptions.get(id).filter(|(_, form)| form.unsubscribe_name() == method);
        match found.map(|(key, _)| *key) {
            Some(key) => self.end_subscription(key),
            None => (false, None),
        }
    }

    /// Removes a subscription that has ended, or whose call was not answered with its id. Returns whether it
    /// was in the table, and the task to wake.
    pub(crate) fn end_subscription(&mut self, key: Key) -> (bool, Option<W>) {
        let Some(sending) = self.sending.remove(&key) else { return (false, None) };
        if let Name::Subscription(Some(id)) = &sending.name {
            self.subscriptions.remove(id);
        }
        self.results -= 1;
        (true, sending.into_waker())
    }

    /// Whether there are subscriptions whose handlers have returned.
    pub(crate) fn has_subscriptions(&self) -> bool {
        !self.subscriptions.is_empty()
    }

    /// Removes all subscriptions, because the connection has ended. Returns the tasks to wake.
    pub(super) fn disconnect_subscriptions(&mut self) -> Vec<W> {
        self.subscriptions.clear();
        let is_one = |sending: &Sending<W>| matches!(sending.name, Name::Subscription(_));
        let ones = self.sending.iter().filter(|(_, sending)| is_one(sending));
        let keys: Vec<Key> = ones.map(|(key, _)| *key).collect();
        keys.into_iter().filter_map(|key| self.sending.remove(&key)?.into_waker()).collect()
    }
}

#[cfg(test)]
#[path = "subscriptions_tests.rs"]
mod tests;
