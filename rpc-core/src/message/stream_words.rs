//! The notifications of `birpc.v1` that carry streams and grant credit, here called words: reading and
//! writing their params.
//!
//! The callee sends `rpc.item`, `rpc.want` and `rpc.stop`; the caller sends `rpc.more`, `rpc.push` and
//! `rpc.done`. Each of them names a call. `rpc.allow` grants credit for notifications, and either side sends
//! it. A malformed word is ignored, like a notification whose params do not decode.

use bytes::Bytes;

use super::encode::Json;
use super::grammar::Cursor;
use super::id::{Id, write_number};

/// Items and bytes of a stream, or of a connection's notifications, counted from the beginning. The bytes are
/// those of the items' JSON texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Totals {
    pub(crate) items: u64,
    pub(crate) bytes: u64,
}

/// A notification that carries a stream or grants credit.
#[derive(Clone, Debug)]
pub(crate) enum Word<'a> {
    /// `rpc.item [id, item…]`: items of a call's result. Without items it only says that the result is open.
    Item { id: Id, items: Elements<'a> },
    /// `rpc.more [id, items, bytes]`: the total of a call's result that may be sent since the beginning.
    More { id: Id, total: Totals },
    /// `rpc.push [id, k, item…]`: items of an argument.
    Push { id: Id, stream: u16, items: Elements<'a> },
    /// `rpc.done [id, k]`, `[id, k, error]`: an argument has ended; `error` is the text of the third param.
    Done { id: Id, stream: u16, error: Option<&'a str> },
    /// `rpc.want [id, k, items, bytes]`: the total of an argument that may be sent since the beginning.
    Want { id: Id, stream: u16, total: Totals },
    /// `rpc.stop [id, k]`: the callee does not want more of an argument.
    Stop { id: Id, stream: u16 },
    /// `rpc.allow [items, bytes]`: the total of notifications that may be sent since the beginning.
    Allow { total: Totals },
}

/// The result of [`Word::parse`].
#[derive(Clone, Debug)]
pub(crate) enum ParsedWord<'a> {
    Word(Word<'a>),
    /// A word whose params are malformed.
    Malformed,
    /// A notification that is no word.
    Other,
}

/// The elements of an array. Its text is known to be JSON.
#[derive(Clone, Debug)]
pub(crate) struct Elements<'a> {
    cursor: Cursor<'a>,
    begun: bool,
    over: bool,
}

impl<'a> Word<'a> {
    /// Parses a notification. The params are known to be JSON.
    pub(crate) fn parse(method: &str, params: Option<&'a str>) -> ParsedWord<'a> {
        let Some(word) = method.strip_prefix("rpc.") else { return ParsedWord::Other };
        let parse = match word {
            "item" => Self::item,
            "more" => Self::more,
            "push" => Self::push,
            "done" => Self::done,
            "want" => Self::want,
            "stop" => Self::stop,
            "allow" => Self::allow,
            _ => return ParsedWord::Other,
        };
        let parsed = params.and_then(Elements::of).and_then(parse);
        parsed.map_or(ParsedWord::Malformed, ParsedWord::Word)
    }

    fn item(mut params: Elements<'a>) -> Option<Self> {
        Some(Self::Item { id: params.id()?, items: params })
    }

    fn more(mut params: Elements<'a>) -> Option<Self> {
        let (id, total) = (params.id()?, params.total()?);
        params.end(Self::More { id, total })
    }

    fn push(mut params: Elements<'a>) -> Option<Self> {
        Some(Self::Push { id: params.id()?, stream: params.stream()?, items: params })
    }

    fn done(mut params: Elements<'a>) -> Option<Self> {
        let (id, stream, error) = (params.id()?, params.stream()?, params.next());
        params.end(Self::Done { id, stream, error })
    }

    fn want(mut params: Elements<'a>) -> Option<Self> {
        let (id, stream, total) = (params.id()?, params.stream()?, params.total()?);
        params.end(Self::Want { id, stream, total })
    }

    fn stop(mut params: Elements<'a>) -> Option<Self> {
        let (id, stream) = (params.id()?, params.stream()?);
        params.end(Self::Stop { id, stream })
    }

    fn allow(mut params: Elements<'a>) -> Option<Self> {
        let total = params.total()?;
        params.end(Self::Allow { total })
    }
}

impl<'a> Elements<'a> {
    /// `None` if the text is not an array.
    fn of(text: &'a str) -> Option<Self> {
        let mut cursor = Cursor::new(text);
        cursor.begin_array().ok()?;
        Some(Self { cursor, begun: false, over: false })
    }

    /// The text of the elements that follow, and the end of the array.
    pub(crate) fn rest(&self) -> &'a str {
        self.cursor.rest()
    }

    /// A call with streams has an id other than null.
    fn id(&mut self) -> Option<Id> {
        Id::from_json(self.next()?).filter(|id| !id.is_null())
    }

    fn stream(&mut self) -> Option<u16> {
        parse_stream(self.next()?)
    }

    fn total(&mut self) -> Option<Totals> {
        Some(Totals { items: parse_total(self.next()?)?, bytes: parse_total(self.next()?)? })
    }

    /// Returns `word` if there are no more elements.
    fn end(&mut self, word: Word<'a>) -> Option<Word<'a>> {
        self.next().is_none().then_some(word)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.over {
            return None;
        }
        let element = self.cursor.next_element(std::mem::replace(&mut self.begun, true));
        self.over = !matches!(element, Ok(Some(_)));
        element.ok().flatten()
    }
}

/// Parses the member `stream` of a request, `[items, bytes]`: the credit that its caller grants at the
/// beginning. `None` if it is malformed.
pub(crate) fn parse_initial_credit(text: &str) -> Option<Totals> {
    let mut elements = Elements::of(text)?;
    let total = elements.total()?;
    elements.next().is_none().then_some(total)
}

/// Returns the number in `{"stream": k}`, which represents an argument that is a stream in the params. `None`
/// for any other value.
pub(crate) fn parse_stream_param(value: &str) -> Option<u16> {
    let (mut members, mut stream) = (0, None);
    Cursor::new(value)
        .object(|name, value| {
            members += 1;
            if name == "stream" {
                stream = parse_stream(value);
            }
        })
        .ok()?;
    stream.filter(|_| members == 1)
}

fn parse_stream(text: &str) -> Option<u16> {
    is_unsigned(text).then(|| text.parse().ok())?
}

/// Parses a total. A number that is too large for the type counts as the largest.
fn parse_total(text: &str) -> Option<u64> {
    is_unsigned(text).then(|| text.parse().unwrap_or(u64::MAX))
}

/// Whether a JSON number has no sign, fraction or exponent.
fn is_unsigned(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A word that is being written: an id, numbers and values in an array. The notification with an item of a
/// subscription is written in the same way.
#[derive(Debug)]
pub(crate) struct WordText {
    text: Vec<u8>,
    /// What the text ends with.
    close: &'static [u8; 2],
}

impl WordText {
    /// Begins an `rpc.item`, to which items may be added.
    pub(crate) fn item(id: &Id) -> Self {
        Self::begin("item", Some(id))
    }

    /// Begins an `rpc.push`, to which items may be added.
    pub(crate) fn push(id: u64, stream: u16) -> Self {
        Self::begin("push", None).number(id).number(stream.into())
    }

    /// Begins the notification with an item of a subscription, to which the item must be added. The params
    /// are `{"subscription": id, "result": item}`.
    pub(crate) fn published(notification: &str, id: &Id) -> Self {
        let mut text = Vec::with_capacity(128);
        text.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":");
        // A string always serialises.
        let _ = notification.write(&mut text);
        text.extend_from_slice(b",\"params\":{\"subscription\":");
        id.write(&mut text);
        text.extend_from_slice(b",\"result\":");
        Self { text, close: b"}}" }
    }

    pub(crate) fn more(id: u64, total: Totals) -> Bytes {
        Self::begin("more", None).number(id).total(total).finish()
    }

    pub(crate) fn want(id: &Id, stream: u16, total: Totals) -> Bytes {
        Self::begin("want", Some(id)).number(stream.into()).total(total).finish()
    }

    pub(crate) fn stop(id: &Id, stream: u16) -> Bytes {
        Self::begin("stop", Some(id)).number(stream.into()).finish()
    }

    /// Begins an `rpc.done`, to which an error may be added as a value.
    pub(crate) fn done(id: u64, stream: u16) -> Self {
        Self::begin("done", None).number(id).number(stream.into())
    }

    pub(crate) fn allow(total: Totals) -> Bytes {
        Self::begin("allow", None).total(total).finish()
    }

    /// Adds a value and returns the size of its text in bytes. A value that does not serialise is not added.
    pub(crate) fn value(&mut self, value: &dyn Json) -> serde_json::Result<u64> {
        let before = self.text.len();
        self.comma();
        let start = self.text.len();
        if let Err(error) = value.write(&mut self.text) {
            self.text.truncate(before);
            return Err(error);
        }
        Ok((self.text.len() - start) as u64)
    }

    /// The current end of the text, for [`WordText::truncate`].
    pub(crate) fn mark(&self) -> usize {
        self.text.len()
    }

    /// Removes what was added since a mark.
    pub(crate) fn truncate(&mut self, mark: usize) {
        self.text.truncate(mark);
    }

    /// Removes the last value and returns its text. `bytes`: the size of the text.
    pub(crate) fn take_back(&mut self, bytes: u64) -> Box<[u8]> {
        let value = self.text.split_off(self.text.len().saturating_sub(bytes as usize)).into();
        self.text.pop_if(|last| *last == b',');
        value
    }

    /// Adds the text of a value that [`WordText::take_back`] has returned.
    pub(crate) fn put(&mut self, value: &[u8]) {
        self.comma();
        self.text.extend_from_slice(value);
    }

    /// The size of the message, if it ends here.
    pub(crate) fn len(&self) -> usize {
        self.text.len() + self.close.len()
    }

    pub(crate) fn finish(mut self) -> Bytes {
        self.text.extend_from_slice(self.close);
        self.text.into()
    }

    fn begin(word: &str, id: Option<&Id>) -> Self {
        let mut text = Vec::with_capacity(96);
        text.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":\"rpc.");
        text.extend_from_slice(word.as_bytes());
        text.extend_from_slice(b"\",\"params\":[");
        if let Some(id) = id {
            id.write(&mut text);
        }
        Self { text, close: b"]}" }
    }

    fn number(mut self, number: u64) -> Self {
        self.comma();
        write_number(number, &mut self.text);
        self
    }

    fn total(self, total: Totals) -> Self {
        self.number(total.items).number(total.bytes)
    }

    fn comma(&mut self) {
        if !matches!(self.text.last(), Some(b'[' | b':')) {
            self.text.push(b',');
        }
    }
}

#[cfg(test)]
#[path = "stream_words_tests.rs"]
mod tests;
