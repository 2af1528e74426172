//! The params of a call on the command line.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};

use birpc::RawValue;
use clap::Args;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Number, Value};

use crate::failure::Failure;

/// The largest param that is read from a file or standard input, in bytes.
const LARGEST: u64 = 1 << 30;

/// The params of a call.
#[derive(Args)]
pub(crate) struct ParamArguments {
    /// A param, by its position, as JSON; a string needs its quotes: '"text"'.
    /// @FILE reads the JSON from a file, and - from standard input
    #[arg(value_name = "JSON")]
    params: Vec<String>,
    /// A param, by its name: --named 'path="/tmp"', --named at=@position.json
    #[arg(long, value_name = "NAME=JSON", conflicts_with = "params")]
    named: Vec<String>,
}

/// Makes negative numbers among the arguments params, and not options: a space before them is no part of
/// their JSON. Behind `--` there are no options, but perhaps the arguments of a command.
pub(crate) fn protect_numbers(arguments: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let is_negative = |text: &&str| text.starts_with('-') && serde_json::from_str::<Number>(text).is_ok();
    let mut may_be_options = true;
    arguments.map(move |argument| {
        may_be_options &= argument != "--";
        match argument.to_str().filter(|text| may_be_options && is_negative(text)) {
            Some(number) => format!(" {number}").into(),
            None => argument,
        }
    })
}

/// Params as they were given, byte for byte.
#[derive(Clone, Debug)]
pub(crate) enum Params {
    None,
    Positional(Vec<Box<RawValue>>),
    Named(Vec<(String, Box<RawValue>)>),
}

impl ParamArguments {
    /// Parses the params, and reads those that are in files.
    pub(crate) fn read(&self) -> Result<Params, Failure> {
        let given =
            || self.params.iter().map(String::as_str).chain(self.named.iter().map(|named| value_of(named)));
        if given().filter(|text| *text == "-").count() > 1 {
            return Err(Failure::usage("only one param can be read from standard input (`-`)"));
        }
        if !self.named.is_empty() {
            return self
                .named
                .iter()
                .map(|named| read_named(named))
                .collect::<Result<_, _>>()
                .map(Params::Named);
        }
        if self.params.is_empty() {
            return Ok(Params::None);
        }
        let read = |(index, text): (usize, &String)| read(text, &format!("param {}", index + 1));
        self.params.iter().enumerate().map(read).collect::<Result<_, _>>().map(Params::Positional)
    }
}

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_none(),
            Self::Positional(params) => params.serialize(serializer),
            Self::Named(params) => {
                let mut map = serializer.serialize_map(Some(params.len()))?;
                for (name, value) in params {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

/// The value of `NAME=VALUE`.
fn value_of(named: &str) -> &str {
    named.split_once('=').map_or("", |(_, value)| value)
}

fn read_named(named: &str) -> Result<(String, Box<RawValue>), Failure> {
    let Some((name, value)) = named.split_once('=') else {
        return Err(Failure::usage(format_args!(
            "`--named {named}` has no value: write --named {named}=JSON"
        )));
    };
    Ok((name.to_owned(), read(value, &format!("param `{name}`"))?))
}

/// Reads one param. `which` names it in errors.
fn read(text: &str, which: &str) -> Result<Box<RawValue>, Failure> {
    if text == "-" {
        const NAME: &str = "standard input";
        return parse(&contents(io::stdin().lock(), NAME)?, which, NAME);
    }
    if let Some(path) = text.strip_prefix('@') {
        let name = format!("`{path}`");
        let file =
            File::open(path).map_err(|error| Failure::io(format_args!("cannot read {name}"), &error))?;
        return parse(&contents(file, &name)?, which, &name);
    }
    parse(text, which, "the command line")
}

fn contents(mut from: impl Read, name: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let read = from.by_ref().take(LARGEST).read_to_string(&mut text);
    read.map_err(|error| Failure::io(format_args!("cannot read {name}"), &error))?;
    match from.read(&mut [0]) {
        Ok(0) => Ok(text),
        _ => Err(Failure::usage(format_args!("{name} has more than {LARGEST} bytes"))),
    }
}

/// Parses a param. `from` says where it was found.
pub(crate) fn parse(text: &str, which: &str, from: &str) -> Result<Box<RawValue>, Failure> {
    let trimmed = text.trim();
    serde_json::from_str(trimmed).map_err(|error| {
        let shown: String = trimmed.chars().take(60).collect();
        let hint = if trimmed.is_empty() {
            "it is empty"
        } else if is_bare_word(trimmed) {
            "a string needs its quotes, also behind those of the shell: '\"text\"'"
        } else {
            return Failure::usage(format_args!("{which}, from {from}, is not JSON: {error}: {shown}"));
        };
        Failure::usage(format_args!("{which}, from {from}, is not JSON ({hint}): {shown}"))
    })
}

/// Whether a shell may have taken the quotes of a string.
fn is_bare_word(text: &str) -> bool {
    text.starts_with(|it: char| it.is_alphabetic() || it == '/')
        || serde_json::from_str::<Value>(&format!("\"{text}\""))
            .is_ok_and(|_| !text.starts_with(['[', '{', '"']))
}
