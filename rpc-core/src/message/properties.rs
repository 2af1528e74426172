//! Properties of the codec for any bytes. The property tests run them with proptest's inputs, the fuzz target
//! `codec` with inputs that increase coverage.
//!
//! Each panic here is a failed check. Neither peers nor users can cause one: this module is compiled only for
//! tests and with the feature `__internals`, where only `internals::check_message` calls it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::members::Request;
use super::*;

/// Small, so that small inputs exceed it.
const MAX_BATCH: usize = 4;

/// A text that errors must not repeat. The seeds contain it in many places.
const SECRET: &str = "SECRET";

/// Errors about the parameters of [`check_params`] are short, since they do not contain the values that were
/// sent.
const LONGEST_PARAMS_ERROR: usize = 120;

/// Decodes a message as a connection does, and its contents as a handler does.
///
/// # Panics
/// If a message changes when it is decoded and encoded again.
pub fn check(bytes: &[u8]) {
    let is_json = serde_json::from_slice::<&RawValue>(bytes).is_ok();
    let decoded = decode(bytes, MAX_BATCH, Version::Required);
    assert_eq!(matches!(decoded, Decoded::NotJson), !is_json, "what is JSON is told by its grammar");
    match decoded {
        Decoded::NotJson => {}
        Decoded::One(message) => drop(check_incoming(message)),
        Decoded::Refused(error) => check_error(&Id::null(), error),
        Decoded::Batch(elements) => check_batch(&elements),
    }
}

/// Answers each element. The array of answers is again a batch.
fn check_batch(elements: &[&str]) {
    assert!((1..=MAX_BATCH).contains(&elements.len()), "{} elements", elements.len());
    let mut batch = BatchReplies::new(elements.len(), usize::MAX);
    let replies: Vec<_> =
        elements.iter().map(|raw| check_incoming(decode_element(raw, Version::Required))).collect();
    replies.iter().flatten().for_each(|reply| batch.push(reply));
    let expected: Vec<&[u8]> = replies.iter().flatten().map(|reply| &**reply).collect();
    let Some(array) = batch.finish() else { return assert!(expected.is_empty()) };
    let Decoded::Batch(sent) = decode(&array, MAX_BATCH, Version::Required) else {
        panic!("no batch: {array:?}")
    };
    assert!(sent.iter().map(|raw| raw.as_bytes()).eq(expected));
}

/// Encodes a message again. Returns an answer if the message gets one.
fn check_incoming(message: Incoming<'_>) -> Option<Vec<u8>> {
    match message {
        Incoming::Request(Request { id, method, params, .. }) => {
            check_params(params);
            check_request(&method, params);
            Some(check_result(&id, params.unwrap_or("null")))
        }
        Incoming::Notification { method, params } => {
            let text = encode_notification(&method, &as_raw(params)).expect("it came");
            let Incoming::Notification { method: sent, params: sent_params } = decode_one(&text) else {
                panic!("no notification: {text:?}")
            };
            assert_eq!((sent, sent_params), (method, params));
            None
        }
        Incoming::Response(Response { id, outcome, .. }) => {
            match outcome {
                ResponseOutcome::Result(result) => drop(check_result(&id, result)),
                ResponseOutcome::Error(error) => check_error(&id, error),
                ResponseOutcome::Broken { .. } => {}
            }
            None
        }
        Incoming::Invalid { id, why, .. } => {
            let error = ErrorObject::framework_with(ErrorCode::InvalidRequest, "detail", why);
            let mut reply = Vec::new();
            error_reply(&id, &error, &mut reply);
            check_error(&id, error);
            Some(reply)
        }
    }
}

fn check_request(method: &str, params: Option<&str>) {
    let frame = RequestText::encode(method, &as_raw(params)).expect("it came");
    let text = frame.finish(u64::MAX);
    let Incoming::Request(request) = decode_one(&text) else { panic!("no request: {text:?}") };
    assert_eq!(request.id, Id::number(u64::MAX));
    assert_eq!((&*request.method, request.params), (method, params));
    // With the longest id, the limit is exact.
    let within = |limit| RequestText::encode(method, &as_raw(params)).expect("it came").within(limit).is_ok();
    assert!(within(text.len()) && !within(text.len() - 1));
}

/// Checks that the id and the result return unchanged.
fn check_result(id: &Id, result: &str) -> Vec<u8> {
    let mut reply = Vec::new();
    begin_reply(Some(id), &mut reply);
    write_result(&as_raw(Some(result)), &mut reply);
    finish_reply(Some(id), &mut reply);
    let Incoming::Response(response) = decode_one(&reply) else { panic!("no response") };
    let ResponseOutcome::Result(sent) = response.outcome else { panic!("no result") };
    assert_eq!((&response.id, sent), (id, result));
    reply
}

fn check_error(id: &Id, error: ErrorObject) {
    let mut reply = Vec::new();
    error_reply(id, &error, &mut reply);
    let Incoming::Response(response) = decode_one(&reply) else { panic!("no response") };
    let ResponseOutcome::Error(sent) = response.outcome else { panic!("no error") };
    assert_eq!((&response.id, sent), (id, error));
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Deserialize, Serialize)]
enum Choice {
    Red,
    Green { deep: Option<Box<Choice>> },
}

const NAMES: &[&str] = &["a", "b"];

/// Decodes params as parameters of many types.
fn check_params(params: Option<&str>) {
    check_tuple::<(i64, Option<String>)>(params);
    check_tuple::<(Choice, Vec<u8>)>(params);
    check_tuple::<(IpAddr, char)>(params);
    check_tuple::<(Nothing, BTreeMap<u8, i128>)>(params);
    check_text(Single::<Value>::decode(params, NAMES));
    check_text(Single::<Nothing>::decode(params, NAMES));
    check_text(<()>::decode(params, NAMES));
    check_raw(params);
}

/// Checks that params decode to the same values by position and by name.
fn check_tuple<P: Params + Arguments + Serialize>(params: Option<&str>) {
    let Some(tuple) = check_text(P::decode(params, NAMES)) else { return };
    let text = |params: &P| serde_json::to_string(params).expect("it was decoded");
    let decoded = |params: String| text(&P::decode(Some(&params), NAMES).expect("it was decoded"));
    let by_position = text(&tuple);
    let by_name = Named(NAMES, tuple);
    let named = serde_json::to_string(&by_name).expect("it was decoded");
    let without_nones = serde_json::to_string(&Positional(by_name.1)).expect("it was decoded");
    assert_eq!(decoded(named), by_position);
    assert_eq!(decoded(by_position.clone()), by_position);
    assert_eq!(decoded(without_nones), by_position);
}

/// Checks that params that are not decoded return unchanged.
fn check_raw(params: Option<&str>) {
    type Two = (Box<RawValue>, Box<RawValue>);
    let Ok((a, b)) = Two::decode(params, NAMES) else { return };
    let sent = params.expect("two are there");
    assert!(sent.contains(a.get()) && sent.contains(b.get()));
    if sent.starts_with('[') {
        let elements: Vec<&RawValue> = serde_json::from_str(sent).expect("an array");
        assert_eq!(elements.iter().map(|raw| raw.get()).collect::<Vec<_>>(), [a.get(), b.get()]);
    }
}

/// Returns the decoded value. Checks that an error is short and does not repeat the input.
fn check_text<P>(decoded: Result<P, ParamsError>) -> Option<P> {
    let error = match decoded {
        Ok(params) => return Some(params),
        Err(error) => error.to_string(),
    };
    assert!(
        !error.contains(SECRET) && error.len() <= LONGEST_PARAMS_ERROR,
        "it repeats the request: {error}"
    );
    None
}

fn decode_one(text: &[u8]) -> Incoming<'_> {
    match decode(text, MAX_BATCH, Version::Required) {
        Decoded::One(message) => message,
        other => panic!("not one message: {other:?}"),
    }
}

fn as_raw(text: Option<&str>) -> Option<&RawValue> {
    text.map(|text| serde_json::from_str(text).expect("it was told to be JSON"))
}
