//! Which topics a connection has subscribed to, and which of them the server has or refuses.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::inlet::Inlet;

/// The subscriptions of a connection, by their subjects.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    entries: HashMap<String, Entry>,
    last_id: u64,
}

#[derive(Debug)]
struct Entry {
    /// Distinguishes it from an earlier subscription to the same subject.
    id: u64,
    inlet: Arc<OnceCell<Arc<Inlet>>>,
    /// Whether the server has it.
    is_proved: bool,
    /// How many wait for that.
    waiting: usize,
    /// Why the server refuses it.
    refused: Option<String>,
}

/// A subscription that someone waits for.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) id: u64,
    pub(crate) inlet: Arc<OnceCell<Arc<Inlet>>>,
}

/// What a refusal was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// Subscriptions that someone waits for; they are told.
    Waiting,
    /// A subscription that the server had.
    Proved,
    /// None that is still wanted.
    Nothing,
}

/// What is no longer wanted. It must be dropped without the lock of the table.
pub(crate) type Ended = Option<Arc<OnceCell<Arc<Inlet>>>>;

impl Subscriptions {
    /// Begins to wait for a subscription; `None` if the server has it. [`Subscriptions::finish`] must follow.
    pub(crate) fn begin(&mut self, subject: &str) -> Option<Begun> {
        if let Some(entry) = self.entries.get_mut(subject) {
            if entry.is_proved {
                return None;
            }
            entry.waiting += 1;
            return Some(Begun { id: entry.id, inlet: entry.inlet.clone() });
        }
        self.last_id += 1;
        let (id, inlet) = (self.last_id, Arc::new(OnceCell::new()));
        let entry = Entry { id, inlet: inlet.clone(), is_proved: false, waiting: 1, refused: None };
        self.entries.insert(subject.to_owned(), entry);
        Some(Begun { id, inlet })
    }

    /// Ends the waiting for a subscription: the server has answered what was sent after it, or nobody waits
    /// any longer. Returns why it was refused, if it was.
    pub(crate) fn finish(&mut self, subject: &str, id: u64, is_answered: bool) -> (Ended, Option<String>) {
        let Some(entry) = self.entries.get_mut(subject).filter(|entry| entry.id == id) else {
            return (None, None);
        };
        entry.waiting -= 1;
        let refused = entry.refused.clone();
        entry.is_proved |= is_answered && refused.is_none();
        let ended = if entry.waiting == 0 && !entry.is_proved { self.remove(subject) } else { None };
        (ended, refused)
    }

    /// Removes a subscription.
    pub(crate) fn remove(&mut self, subject: &str) -> Ended {
        self.entries.remove(subject).map(|entry| entry.inlet)
    }

    /// Takes note that the server refuses a subscription, or, if it does not say which, those that it does
    /// not have yet.
    pub(crate) fn refuse(&mut self, subject: Option<&str>, why: &str) -> About {
        if let Some(subject) = subject {
            return match self.entries.get_mut(subject) {
                Some(entry) if entry.is_proved => About::Proved,
                Some(entry) => {
                    entry.refused = Some(why.to_owned());
                    About::Waiting
                }
                None => About::Nothing,
            };
        }
        let mut about = About::Nothing;
        for entry in self.entries.values_mut().filter(|entry| !entry.is_proved) {
            entry.refused = Some(why.to_owned());
            about = About::Waiting;
        }
        about
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(table: &mut Subscriptions) -> u64 {
        table.begin("a").expect("the server does not have it").id
    }

    fn finish(table: &mut Subscriptions, id: u64, is_answered: bool) -> (bool, Option<String>) {
        let (ended, refused) = table.finish("a", id, is_answered);
        (ended.is_some(), refused)
    }

    #[test]
    fn a_subscription_stays_if_one_of_those_who_wait_gets_its_answer() {
        let mut table = Subscriptions::default();
        let (first, second) = (begin(&mut table), begin(&mut table));
        assert_eq!(first, second);
        assert_eq!(finish(&mut table, first, false), (false, None));
        assert_eq!(finish(&mut table, second, true), (false, None));
        assert!(table.begin("a").is_none());
        assert!(table.remove("a").is_some());
        assert!(table.remove("a").is_none());
        assert!(table.entries.is_empty());
    }

    #[test]
    fn a_subscription_that_nobody_waits_for_any_longer_ends() {
        let mut table = Subscriptions::default();
        let (first, second) = (begin(&mut table), begin(&mut table));
        assert_eq!(finish(&mut table, first, false), (false, None));
        assert_eq!(finish(&mut table, second, false), (true, None));
        assert!(table.entries.is_empty());
        // An earlier one does not end a later one.
        let third = begin(&mut table);
        assert!(table.remove("a").is_some());
        let fourth = begin(&mut table);
        assert_eq!(finish(&mut table, third, false), (false, None));
        assert_eq!(finish(&mut table, fourth, true), (false, None));
        assert!(table.begin("a").is_none());
    }

    #[test]
    fn all_who_wait_hear_of_a_refusal_and_the_next_one_tries_again() {
        let mut table = Subscriptions::default();
        let (first, second) = (begin(&mut table), begin(&mut table));
        assert_eq!(table.refuse(Some("b"), "why"), About::Nothing);
        assert_eq!(table.refuse(Some("a"), "why"), About::Waiting);
        assert_eq!(finish(&mut table, first, true), (false, Some("why".into())));
        assert_eq!(finish(&mut table, second, true), (true, Some("why".into())));
        let third = begin(&mut table);
        assert_eq!(finish(&mut table, third, true), (false, None));
        assert_eq!(table.refuse(None, "full"), About::Nothing);
        assert_eq!(table.refuse(Some("a"), "withdrawn"), About::Proved);
        table.begin("b");
        assert_eq!(table.refuse(None, "full"), About::Waiting);
    }
}
