//! Pseudo-random numbers that are the same for the same seed: SplitMix64 (Steele, Lea and Flood, 2014).

use std::time::Duration;

#[derive(Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A separate generator for other code.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// A number from 0 up to, but not including, `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// A duration of less than `end` milliseconds.
    pub(crate) fn millis(&mut self, end: u64) -> Duration {
        Duration::from_micros(self.below(end * 1000))
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len() as u64) as usize]
    }

    /// A text of random length, usually short.
    pub(crate) fn text(&mut self) -> String {
        let length = if self.one_in(20) { self.below(100_000) } else { self.below(200) };
        "x".repeat(length as usize)
    }

    pub(crate) fn bytes(&mut self, end: u64) -> Vec<u8> {
        (0..self.below(end)).map(|_| self.next() as u8).collect()
    }
}
