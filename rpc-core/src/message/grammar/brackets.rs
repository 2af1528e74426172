//! The brackets of arrays and objects that have not been closed yet.

/// The open brackets: one bit each for the last 64, and one word for each 64 before them.
#[derive(Default)]
pub(super) struct Brackets {
    depth: usize,
    last: u64,
    before: Vec<u64>,
}

impl Brackets {
    #[inline]
    pub(super) fn push(&mut self, bracket: u8) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.before.push(self.last);
        }
        self.last = self.last << 1 | u64::from(bracket == b'{');
        self.depth += 1;
    }

    #[inline]
    pub(super) fn last(&self) -> Option<u8> {
        (self.depth > 0).then_some(if self.last & 1 == 1 { b'{' } else { b'[' })
    }

    #[inline]
    pub(super) fn pop(&mut self) {
        self.depth -= 1;
        self.last = match self.before.pop_if(|_| self.depth.is_multiple_of(64)) {
            Some(last) => last,
            None => self.last >> 1,
        };
    }
}

/// In ASCII there is one character between the two.
pub(super) const fn closing(bracket: u8) -> u8 {
    bracket + 2
}
