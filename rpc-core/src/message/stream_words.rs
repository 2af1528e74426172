//! The notifications of `birpc.v1` that move streams: their params to values, and back.
//!
//! A word is named after the side that serves the call (`rpc.item`, `rpc.want`, `rpc.stop`) or that made it
//! (`rpc.more`, `rpc.push`, `rpc.done`); `rpc.allow` is about notifications and names no call. A word that is
//! malformed is ignored, as a notification whose params do not decode.

use bytes::Bytes;

use super::encode::Json;
use super::grammar::Cursor;
use super::id::{Id, write_number};

/// Items and bytes, counted from the beginning: of a stream, or of a connection's notifications. Bytes are
/// those of the items' JSON texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Totals {
    pub(crate) items: u64,
    pub(crate) bytes: u64,
}

/// One such notification.
#[derive(Clone, Debug)]
pub(crate) enum Word<'a> {
    /// `rpc.item [id, item…]`: items of a call's result; with none it was opened.
    Item { id: Id, items: Elements<'a> },
    /// `rpc.more [id, items, bytes]`: of a call's result so many may be sent in all.
    More { id: Id, total: Totals },
    /// `rpc.push [id, k, item…]`: items of an argument.
    Push { id: Id, stream: u16, items: Elements<'a> },
    /// `rpc.done [id, k]`, `[id, k, error]`: an argument has ended; `error` is the text of the third param.
    Done { id: Id, stream: u16, error: Option<&'a str> },
    /// `rpc.want [id, k, items, bytes]`: of an argument so many may be sent in all.
    Want { id: Id, stream: u16, total: Totals },
    /// `rpc.stop [id, k]`: nothing more of an argument is wanted.
    Stop { id: Id, stream: u16 },
    /// `rpc.allow [items, bytes]`: so many notifications may be sent in all.
    Allow { total: Totals },
}

/// What a notification is to the streams of a connection.
#[derive(Clone, Debug)]
pub(crate) enum ParsedWord<'a> {
    Word(Word<'a>),
    /// One of theirs, to be ignored.
    Malformed,
    /// None of theirs.
    Other,
}

/// The elements of an array that has been found to be JSON.
#[derive(Clone, Debug)]
pub(crate) struct Elements<'a> {
    cursor: Cursor<'a>,
    begun: bool,
    over: bool,
}

impl<'a> Word<'a> {
    /// Tells what a notification is. The params have been found to be JSON.
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
    /// `None` if the text is no array.
    fn of(text: &'a str) -> Option<Self> {
        let mut cursor = Cursor::new(text);
        cursor.begin_array().ok()?;
        Some(Self { cursor, begun: false, over: false })
    }

    /// Null is nobody's id.
    fn id(&mut self) -> Option<Id> {
        Id::from_json(self.next()?).filter(|id| !id.is_null())
    }

    fn stream(&mut self) -> Option<u16> {
        parse_stream(self.next()?)
    }

    fn total(&mut self) -> Option<Totals> {
        Some(Totals { items: parse_total(self.next()?)?, bytes: parse_total(self.next()?)? })
    }

    /// `word`, if nothing is left.
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

/// The member `stream` of a request, `[items, bytes]`: what its caller grants from the beginning. `None` if
/// it is malformed.
pub(crate) fn parse_initial_credit(text: &str) -> Option<Totals> {
    let mut elements = Elements::of(text)?;
    let total = elements.total()?;
    elements.next().is_none().then_some(total)
}

/// The number in `{"stream": k}`, which stands in params for an argument that is a stream; `None` if it is
/// some other value.
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

/// A total; one that is too large for it counts as the largest.
fn parse_total(text: &str) -> Option<u64> {
    is_unsigned(text).then(|| text.parse().unwrap_or(u64::MAX))
}

/// Of a JSON text: no sign, fraction or exponent.
fn is_unsigned(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The text of a word as it is written: an id, numbers and values in an array.
#[derive(Debug)]
pub(crate) struct WordText {
    text: Vec<u8>,
}

impl WordText {
    /// `rpc.item`, to which items may be added.
    pub(crate) fn item(id: &Id) -> Self {
        Self::begin("item", Some(id))
    }

    /// `rpc.push`, to which items may be added.
    pub(crate) fn push(id: u64, stream: u16) -> Self {
        Self::begin("push", None).number(id).number(stream.into())
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

    /// `rpc.done`; with an error it is added as a value.
    pub(crate) fn done(id: u64, stream: u16) -> Self {
        Self::begin("done", None).number(id).number(stream.into())
    }

    pub(crate) fn allow(total: Totals) -> Bytes {
        Self::begin("allow", None).total(total).finish()
    }

    /// Adds a value, and gives the bytes of its text. One that does not serialise is not added.
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

    /// How much there is, for [`WordText::truncate`].
    pub(crate) fn mark(&self) -> usize {
        self.text.len()
    }

    /// Takes back what was added since a mark.
    pub(crate) fn truncate(&mut self, mark: usize) {
        self.text.truncate(mark);
    }

    /// Takes the last value back, which has so many bytes.
    pub(crate) fn take_back(&mut self, bytes: u64) -> Box<[u8]> {
        let value = self.text.split_off(self.text.len().saturating_sub(bytes as usize)).into();
        self.text.pop_if(|last| *last == b',');
        value
    }

    /// Adds a value that was taken back.
    pub(crate) fn put(&mut self, value: &[u8]) {
        self.comma();
        self.text.extend_from_slice(value);
    }

    /// Bytes of the whole, as it is now.
    pub(crate) fn len(&self) -> usize {
        self.text.len() + "]}".len()
    }

    pub(crate) fn finish(mut self) -> Bytes {
        self.text.extend_from_slice(b"]}");
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
        Self { text }
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
        if self.text.last() != Some(&b'[') {
            self.text.push(b',');
        }
    }
}

#[cfg(test)]
#[path = "stream_words_tests.rs"]
mod tests;
