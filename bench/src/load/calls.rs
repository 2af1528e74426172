//! Calls in a closed loop: a fixed number of calls is in flight, and each reply makes room for the next call.

use std::rc::Rc;

use crate::load::{
    exchange::{Exchange, FIRST_ID, shown},
    script::{Script, Turn},
};

/// When the slot of a call that was answered is used again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// At once.
    Steady,
    /// When all others have been answered too, so that a server gets the same groups of requests each time.
    Lockstep,
}

/// The calls of one connection.
pub(crate) struct Calls {
    exchange: Rc<Exchange>,
    pace: Pace,
    /// Their number is a power of two, and the low bits of an id are the index of its slot.
    places: Vec<Place>,
    open: usize,
}

struct Place {
    id: u64,
    sent: Option<u64>,
}

impl Calls {
    /// `in_flight` must be a power of two, up to 1024.
    pub(crate) fn new(exchange: &Rc<Exchange>, in_flight: usize, pace: Pace) -> Self {
        assert!(
            in_flight.is_power_of_two() && in_flight <= 1024,
            "places are found by the low bits of an id"
        );
        let places = (0..in_flight as u64).map(|place| Place { id: FIRST_ID + place, sent: None }).collect();
        Self { exchange: exchange.clone(), pace, places, open: 0 }
    }

    fn send(&mut self, place: usize, turn: &mut Turn<'_>) {
        if !turn.tally.take(1) {
            return;
        }
        let stride = self.places.len() as u64;
        let place = &mut self.places[place];
        self.exchange.write(place.id, turn.out);
        place.id += stride;
        place.sent = Some(turn.now);
        self.open += 1;
    }

    /// The slot of the call with this id, and when it was sent.
    fn answered(&mut self, id: u64) -> Option<(usize, u64)> {
        let stride = self.places.len() as u64;
        let index = (id & (stride - 1)) as usize;
        let place = &mut self.places[index];
        let sent = place.sent.take_if(|_| place.id == id + stride)?;
        Some((index, sent))
    }
}

impl Script for Calls {
    fn begin(&mut self, turn: &mut Turn<'_>) {
        for place in 0..self.places.len() {
            if self.places[place].sent.is_none() {
                self.send(place, turn);
            }
        }
    }

    fn hear(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Result<(), String> {
        let id = self.exchange.id_of(message)?;
        let (place, sent) = self
            .answered(id)
            .ok_or_else(|| format!("a call was answered that is not in flight: {}", shown(message)))?;
        self.open -= 1;
        turn.tally.end(1, sent, turn.now);
        match self.pace {
            Pace::Steady => self.send(place, turn),
            Pace::Lockstep if self.open == 0 => self.begin(turn),
            Pace::Lockstep => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::script::Tally;

    /// The ids that a connection sends, at time 7, after `message`; `None` for its first messages.
    fn said(calls: &mut Calls, message: Option<u64>, tally: &mut Tally) -> Result<Vec<u64>, String> {
        let mut out = Vec::new();
        let mut turn = Turn { out: &mut out, now: 7, tally };
        match message {
            None => calls.begin(&mut turn),
            Some(id) => {
                let reply = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":3}}"#);
                calls.hear(reply.as_bytes(), &mut turn)?;
            }
        }
        let text = String::from_utf8_lossy(&out).into_owned();
        let ids = text.split(r#""id":"#).skip(1);
        Ok(ids.map(|rest| rest[..10].parse().expect("an id of ten digits")).collect())
    }

    fn calls(pace: Pace) -> (Calls, Tally) {
        let mut tally = Tally::default();
        tally.allow(u64::MAX);
        (Calls::new(&Rc::new(Exchange::add()), 2, pace), tally)
    }

    #[test]
    fn a_reply_makes_room_for_the_next_call() {
        let (mut calls, mut tally) = calls(Pace::Steady);
        assert_eq!(said(&mut calls, None, &mut tally), Ok(vec![FIRST_ID, FIRST_ID + 1]));
        assert_eq!(said(&mut calls, Some(FIRST_ID + 1), &mut tally), Ok(vec![FIRST_ID + 3]));
        assert_eq!(said(&mut calls, Some(FIRST_ID), &mut tally), Ok(vec![FIRST_ID + 2]));
        assert_eq!(tally.done(), 2);
    }

    #[test]
    fn in_lockstep_all_are_answered_before_the_next_begin() {
        let (mut calls, mut tally) = calls(Pace::Lockstep);
        assert_eq!(said(&mut calls, None, &mut tally), Ok(vec![FIRST_ID, FIRST_ID + 1]));
        assert_eq!(said(&mut calls, Some(FIRST_ID + 1), &mut tally), Ok(vec![]));
        assert_eq!(said(&mut calls, Some(FIRST_ID), &mut tally), Ok(vec![FIRST_ID + 2, FIRST_ID + 3]));
    }

    #[test]
    fn a_call_is_answered_once() {
        let (mut calls, mut tally) = calls(Pace::Steady);
        let _ = said(&mut calls, None, &mut tally);
        let _ = said(&mut calls, Some(FIRST_ID), &mut tally);
        assert!(said(&mut calls, Some(FIRST_ID), &mut tally).is_err());
        assert!(said(&mut calls, Some(FIRST_ID + 4), &mut tally).is_err(), "it was not called yet");
    }
}
