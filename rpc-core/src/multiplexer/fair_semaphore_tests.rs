use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

#[test]
fn a_slot_goes_to_each_in_turn() {
    let mut gate = FairSemaphore::new(1);
    assert!(gate.enter(1, &1));
    for who in [2, 3, 2, 3] {
        assert!(!gate.enter(who, &who), "each stands in line once");
    }
    assert_eq!(gate.leave(), Some(2));
    assert!(!gate.enter(3, &3) && gate.enter(2, &2), "it is kept for the one that was woken");
    assert!(!gate.enter(2, &2), "for another it goes to the end of the line");
    assert_eq!(gate.leave(), Some(3));
    assert!(!gate.enter(1, &1) && gate.enter(3, &3));
    assert_eq!(gate.leave(), Some(2));
    assert!(gate.enter(2, &2));
    assert_eq!(gate.leave(), Some(1));
}

#[test]
fn whoever_wants_none_swallows_no_wake_up() {
    let mut gate = FairSemaphore::new(1);
    assert!(gate.enter(1, &1));
    for who in 2..6 {
        assert!(!gate.enter(who, &who));
    }
    assert_eq!(gate.step_aside(3), None, "it leaves the line");
    assert_eq!(gate.leave(), Some(2));
    assert_eq!(gate.step_aside(2), Some(4), "what was kept for it goes to the next");
    assert_eq!((gate.step_aside(2), gate.step_aside(9)), (None, None));
    assert!(gate.enter(4, &4));
    assert_eq!((gate.leave(), gate.step_aside(5)), (Some(5), None));
    assert!(gate.waiting.is_empty() && gate.queue.is_empty() && gate.taken == 0);
}

#[test]
fn a_handler_that_goes_on_waits_for_no_slot() {
    let mut gate = FairSemaphore::new(1);
    assert!(gate.enter(1, &1));
    assert!(!gate.enter(2, &2));
    assert_eq!(gate.leave(), Some(2), "the first awaits a call of its own");
    assert!(gate.enter(2, &2) && !gate.enter(3, &3));
    gate.resume();
    assert_eq!(gate.leave(), None, "two ran where one may");
    assert_eq!(gate.leave(), Some(3));
}

#[test]
fn there_is_one_slot_at_least() {
    assert!(FairSemaphore::new(0).enter(1, &1) && FairSemaphore::new(usize::MAX).enter(1, &1));
}

#[derive(Clone, Debug)]
enum Step {
    Enter(u64),
    Leave,
    Pause,
    Resume,
    Aside(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5u64).prop_map(Step::Enter),
        3 => Just(Step::Leave),
        1 => Just(Step::Pause),
        1 => Just(Step::Resume),
        1 => (0..5u64).prop_map(Step::Aside),
    ]
}

/// The behaviour of the semaphore, as plain lists.
#[derive(Default)]
struct Model {
    running: usize,
    paused: usize,
    granted: Vec<u64>,
    queue: VecDeque<u64>,
}

const LIMIT: usize = 3;

impl Model {
    fn enter(&mut self, who: u64) -> bool {
        if let Some(index) = self.granted.iter().position(|granted| *granted == who) {
            self.granted.swap_remove(index);
        } else if self.queue.contains(&who) || !self.queue.is_empty() || !self.has_room() {
            if !self.queue.contains(&who) {
                self.queue.push_back(who);
            }
            return false;
        }
        self.running += 1;
        true
    }

    fn has_room(&self) -> bool {
        self.running + self.granted.len() < LIMIT
    }

    fn woken(&mut self) -> Option<u64> {
        let next = if self.has_room() { self.queue.pop_front() } else { None };
        self.granted.extend(next);
        next
    }

    fn step_aside(&mut self, who: u64) -> Option<u64> {
        self.queue.retain(|waits| *waits != who);
        let index = self.granted.iter().position(|granted| *granted == who)?;
        self.granted.swap_remove(index);
        self.woken()
    }
}

proptest! {
    /// No connection is forgotten while there is a slot, none overtakes another, and none is lost.
    #[test]
    fn the_gate_agrees_with_its_model(steps in proptest::collection::vec(step(), 1..300)) {
        let (mut gate, mut model) = (FairSemaphore::new(LIMIT), Model::default());
        for step in steps {
            match step {
                Step::Enter(who) => prop_assert_eq!(gate.enter(who, &who), model.enter(who)),
                Step::Leave | Step::Pause if model.running == 0 => {}
                Step::Leave | Step::Pause => {
                    model.running -= 1;
                    model.paused += usize::from(matches!(step, Step::Pause));
                    prop_assert_eq!(gate.leave(), model.woken());
                }
                Step::Resume if model.paused == 0 => {}
                Step::Resume => {
                    (model.paused, model.running) = (model.paused - 1, model.running + 1);
                    gate.resume();
                }
                Step::Aside(who) => prop_assert_eq!(gate.step_aside(who), model.step_aside(who)),
            }
            prop_assert_eq!(gate.taken, (model.running + model.granted.len()) as isize);
            prop_assert!(model.queue.is_empty() || !model.has_room(), "somebody waits for nothing");
            prop_assert_eq!(gate.waiting.len(), model.queue.len() + model.granted.len());
        }
    }
}
