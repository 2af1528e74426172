//! The grammar of JSON (RFC 8259): it finds where values begin and end, but does not interpret them.
//!
//! serde_json could return the raw text of each member too, but with nearly twice the instructions: it
//! handles each name and value with a new deserializer and visitor, and most of the cost of a small call is
//! in the members of its messages. Both accept the same texts as JSON; a property test and a fuzz target
//! compare them.
//!
//! `inline(always)` is on the functions that an instruction count of a small message showed to be called
//! most.

mod brackets;
mod eight_bytes;

use brackets::{Brackets, closing};
use eight_bytes::{no_digits, special, without_plain};

/// The text is not JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotJson;

/// A position in a text from which values are read. It must not be used after an error.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Reads a prefix, if the text continues with it. The prefix must end at a character boundary.
    pub(super) fn takes_prefix(&mut self, prefix: &str) -> bool {
        let found = self.at == 0 && self.text.starts_with(prefix);
        self.at += if found { prefix.len() } else { 0 };
        found
    }

    /// Reads an object. `member` gets the raw text of each name (without quotes) and of each value.
    pub(super) fn object(&mut self, member: impl FnMut(&'a str, &'a str)) -> Result<(), NotJson> {
        self.expect(b'{')?;
        if self.takes(b'}') { Ok(()) } else { self.rest_of_members(member) }
    }

    /// Reads the next member of an object and all further ones, up to the closing bracket.
    #[inline(always)]
    pub(super) fn rest_of_members(
        &mut self,
        mut member: impl FnMut(&'a str, &'a str),
    ) -> Result<(), NotJson> {
        loop {
            let (name, value) = (self.name()?, self.value()?);
            member(name, value);
            if !self.goes_on(b'}')? {
                return Ok(());
            }
        }
    }

    /// Reads an array. `element` gets the raw text of each element.
    pub(super) fn array(&mut self, mut element: impl FnMut(&'a str)) -> Result<(), NotJson> {
        self.expect(b'[')?;
        if self.takes(b']') {
            return Ok(());
        }
        loop {
            element(self.value()?);
            if !self.goes_on(b']')? {
                return Ok(());
            }
        }
    }

    /// Reads the bracket that opens an array. [`Cursor::next_element`] then returns its elements.
    pub(super) fn begin_array(&mut self) -> Result<(), NotJson> {
        self.expect(b'[')
    }

    /// The text that was not read yet.
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Reads the next element of an array; `None` after the last one. `begun` is false for the first one.
    pub(super) fn next_element(&mut self, begun: bool) -> Result<Option<&'a str>, NotJson> {
        let has_next = if begun { self.goes_on(b']')? } else { !self.takes(b']') };
        if has_next { self.value().map(Some) } else { Ok(None) }
    }

    /// Reads a value and returns its text.
    #[inline(always)]
    pub(super) fn value(&mut self) -> Result<&'a str, NotJson> {
        let first = self.peek();
        let start = self.at;
        self.at += 1;
        match first {
            b'[' | b'{' => self.rest_of_nested(first)?,
            _ => self.rest_of_scalar(first)?,
        }
        Ok(&self.text[start..self.at])
    }

    /// Checks that only white space is left.
    pub(super) fn end(mut self) -> Result<(), NotJson> {
        self.peek();
        if self.at == self.text.len() { Ok(()) } else { Err(NotJson) }
    }

    /// The next byte that is not white space; 0 at the end, since no JSON contains a 0 byte.
    pub(super) fn peek(&mut self) -> u8 {
        loop {
            let byte = self.byte();
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return byte;
            }
            self.at += 1;
        }
    }

    /// Reads the rest of an array or object after its opening bracket. It is not recursive, since a peer may
    /// nest as deep as a message is long.
    fn rest_of_nested(&mut self, mut first: u8) -> Result<(), NotJson> {
        let mut open = Brackets::default();
        loop {
            match first {
                b'[' | b'{' if !self.takes(closing(first)) => {
                    open.push(first);
                    first = self.first_in(first)?;
                    continue;
                }
                b'[' | b'{' => {}
                _ => self.rest_of_scalar(first)?,
            }
            // A value has ended, and the values around it may end too.
            loop {
                let Some(bracket) = open.last() else { return Ok(()) };
                if self.goes_on(closing(bracket))? {
                    first = self.first_in(bracket)?;
                    break;
                }
                open.pop();
            }
        }
    }

    /// Reads the first byte of the next value in an array or object.
    fn first_in(&mut self, bracket: u8) -> Result<u8, NotJson> {
        if bracket == b'{' {
            self.name()?;
        }
        let first = self.peek();
        self.at += 1;
        Ok(first)
    }

    #[inline(always)]
    fn rest_of_scalar(&mut self, first: u8) -> Result<(), NotJson> {
        match first {
            b'"' => self.rest_of_string(),
            b'0'..=b'9' | b'-' => self.rest_of_number(first),
            b't' => self.rest_of_word("rue"),
            b'f' => self.rest_of_word("alse"),
            b'n' => self.rest_of_word("ull"),
            _ => Err(NotJson),
        }
    }

    /// Reads the name of a member and the colon after it.
    #[inline(always)]
    fn name(&mut self) -> Result<&'a str, NotJson> {
        self.expect(b'"')?;
        let start = self.at;
        self.rest_of_string()?;
        let name = &self.text[start..self.at - 1];
        self.expect(b':')?;
        Ok(name)
    }

    /// Reads the rest of a string. Half a surrogate pair is valid JSON, although it is not valid text.
    #[inline(always)]
    fn rest_of_string(&mut self) -> Result<(), NotJson> {
        loop {
            self.skip_plain();
            match self.take() {
                b'"' => return Ok(()),
                b'\\' => self.rest_of_escape()?,
                _ => return Err(NotJson),
            }
        }
    }

    fn rest_of_escape(&mut self) -> Result<(), NotJson> {
        match self.take() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' if (0..4).all(|_| self.take().is_ascii_hexdigit()) => Ok(()),
            _ => Err(NotJson),
        }
    }

    /// Skips to the next quote, backslash or control character, eight bytes at a time. Most strings are
    /// names, which end within the first eight.
    #[inline(always)]
    fn skip_plain(&mut self) {
        let mut rest = &self.text.as_bytes()[self.at..];
        if let Some((word, behind)) = rest.split_first_chunk() {
            let special = special(u64::from_le_bytes(*word));
            if special != 0 {
                self.at += (special.trailing_zeros() / 8) as usize;
                return;
            }
            rest = without_plain(behind);
        }
        self.at = self.text.len() - rest.len();
        while !matches!(self.byte(), b'"' | b'\\' | 0..0x20) {
            self.at += 1;
        }
    }

    fn rest_of_number(&mut self, first: u8) -> Result<(), NotJson> {
        match if first == b'-' { self.take() } else { first } {
            b'0' => {}
            b'1'..=b'9' => self.skip_digits(),
            _ => return Err(NotJson),
        }
        match self.byte() {
            b'.' | b'e' | b'E' => self.rest_of_fraction(),
            _ => Ok(()),
        }
    }

    fn rest_of_fraction(&mut self) -> Result<(), NotJson> {
        if self.byte() == b'.' {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.byte(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.byte(), b'+' | b'-') {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn some_digits(&mut self) -> Result<(), NotJson> {
        if !self.take().is_ascii_digit() {
            return Err(NotJson);
        }
        self.skip_digits();
        Ok(())
    }

    /// Skips to the next byte that is not a digit, eight bytes at a time, since ids may be long.
    fn skip_digits(&mut self) {
        if !self.byte().is_ascii_digit() {
            return;
        }
        while let Some(word) = self.text.as_bytes()[self.at..].first_chunk() {
            let other = no_digits(u64::from_le_bytes(*word));
            self.at += (other.trailing_zeros() / 8) as usize;
            if other != 0 {
                return;
            }
        }
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
    }

    fn rest_of_word(&mut self, rest: &str) -> Result<(), NotJson> {
        if !self.text.as_bytes()[self.at..].starts_with(rest.as_bytes()) {
            return Err(NotJson);
        }
        self.at += rest.len();
        Ok(())
    }

    /// After an element: `true` for a comma, `false` for the closing bracket.
    fn goes_on(&mut self, close: u8) -> Result<bool, NotJson> {
        let byte = self.peek();
        self.at += 1;
        match byte {
            b',' => Ok(true),
            _ if byte == close => Ok(false),
            _ => Err(NotJson),
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotJson> {
        if self.takes(byte) { Ok(()) } else { Err(NotJson) }
    }

    /// Reads this byte if it is the next one after white space.
    fn takes(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    fn take(&mut self) -> u8 {
        let byte = self.byte();
        // At the end the position stays, and reading the 0 there fails.
        self.at += usize::from(byte != 0);
        byte
    }

    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
