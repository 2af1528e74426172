//! Property tests of the codec: any bytes are decoded to something, and any message survives the round trip.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..6).prop_map(Value::from_iter),
        ]
    })
}

fn id_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u64>().prop_map(|id| id.to_string()),
        any::<i128>().prop_map(|id| id.to_string()),
        any::<String>().prop_map(|id| json!(id).to_string()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?",
        Just("null".to_owned()),
    ]
}

fn decode_one(text: &[u8]) -> Incoming<'_> {
    match decode(text, 4, Version::Required) {
        Decoded::One(message) => message,
        other => panic!("{other:?}"),
    }
}

/// Inputs that fuzzing has found. Each was decoded incorrectly, or its error contained too much.
#[test]
fn what_was_found_once() {
    for text in [
        // This is JSON, although a `str` cannot hold the name: it has half a surrogate pair.
        r#"{"jsonrpc":"2.0","id":1,"method":"m","\ud800":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"\ud800":1,"a":1,"b":"x"}}"#,
        // A value that looks like the end of serde's message.
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[{"x, expected SECRET":1},{}]}"#,
    ] {
        properties::check(text.as_bytes());
    }
}

#[test]
fn names_may_have_escapes_and_are_read_once() {
    let found = |text: &str| match decode(text.as_bytes(), 1, Version::Required) {
        Decoded::One(Incoming::Request(request)) => request.method.into_owned(),
        other => format!("{other:?}"),
    };
    assert_eq!(found(r#"{"\u006asonrpc":"\u0032.0","\u0069d":1,"metho\u0064":"\u006d"}"#), "m");
    // An escaped backslash does not begin another escape.
    let other = r#"{"jsonrpc":"2.0","id":1,"method":"m","\\u0069d":2,"\\\\u0069d":3,"i\u0064 ":4}"#;
    assert_eq!(found(other), "m");
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"m","i\u0064":2}"#;
    assert!(found(twice).contains("occurs twice"));
}

#[test]
fn errors_are_equal_if_code_message_and_data_are() {
    let error = || ErrorObject::new(1, "no").with_data(&[1]);
    assert_eq!(error(), error());
    assert_eq!((error().code(), error().message(), error().data()), (1, "no", Some([1])));
    for other in [
        ErrorObject::new(2, "no").with_data(&[1]),
        ErrorObject::new(1, "yes").with_data(&[1]),
        ErrorObject::new(1, "no").with_data(&[2]),
        ErrorObject::new(1, "no"),
    ] {
        assert_ne!(error(), other);
    }
}

#[test]
fn an_error_prints_its_message_its_code_and_the_data_of_the_framework() {
    assert_eq!(ErrorObject::new(1, "no\nway").with_data(&[1]).to_string(), "no way (1)");
    let error = ErrorObject::framework_with(ErrorCode::InvalidParams, "detail", "two");
    assert!(error.to_string().starts_with("Invalid params (-32602): {"), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_are_decoded(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        properties::check(&bytes);
    }

    #[test]
    fn any_json_is_decoded(value in value(), max_batch in 1..8usize) {
        let text = value.to_string();
        match (decode(text.as_bytes(), max_batch, Version::Required), &value) {
            (Decoded::Batch(elements), Value::Array(array)) => {
                prop_assert_eq!(elements.len(), array.len());
                elements.into_iter().for_each(|element| drop(decode_element(element, Version::Required)));
            }
            (Decoded::Refused(_), Value::Array(array)) => {
                prop_assert!(array.is_empty() || array.len() > max_batch);
            }
            (Decoded::One(_), value) => prop_assert!(!value.is_array()),
            (decoded, _) => prop_assert!(false, "{decoded:?}"),
        }
    }

    #[test]
    fn members_of_a_message_may_be_any_json(
        members in proptest::collection::vec(
            (
                prop_oneof!["jsonrpc", "id", "method", "params", "result", "error", any::<String>()],
                value(),
            ),
            0..8,
        ),
    ) {
        let member = |(name, value): &(_, _)| format!("{}:{value}", json!(name));
        let members: Vec<String> = members.iter().map(member).collect();
        let text = format!("{{{}}}", members.join(","));
        prop_assert!(matches!(decode(text.as_bytes(), 4, Version::Required), Decoded::One(_)));
        properties::check(text.as_bytes());
    }

    #[test]
    fn requests_survive_the_round_trip(
        method in any::<String>(),
        params in proptest::collection::vec(value(), 0..4),
        id in any::<u64>(),
    ) {
        let text = RequestText::encode(&method, &params).expect("it encodes").finish(id);
        let Incoming::Request(request) = decode_one(&text) else { panic!("no request") };
        prop_assert_eq!(request.id, Id::number(id));
        prop_assert_eq!(request.method, method);
        let decoded: Vec<Value> = serde_json::from_str(request.params.expect("params")).expect("JSON");
        prop_assert_eq!(decoded, params);
    }

    #[test]
    fn the_length_of_a_request_is_known_before_its_id_is_written(
        method in any::<String>(),
        id in any::<u64>(),
    ) {
        for id in [id, id >> 32, id % 10, 0] {
            let request = RequestText::encode(&method, &["x"]).expect("it encodes");
            let expected = request.finished_len(id);
            prop_assert_eq!(request.finish(id).len(), expected);
        }
    }

    #[test]
    fn notifications_survive_the_round_trip(method in any::<String>(), params in value()) {
        let structured = params.is_array() || params.is_object();
        match encode_notification(&method, &params) {
            Err(_) => prop_assert!(!structured && !params.is_null()),
            Ok(text) => {
                let Incoming::Notification { method: decoded, params: raw } = decode_one(&text) else {
                    panic!("no notification")
                };
                prop_assert_eq!(decoded, method);
                let decoded = raw.map_or(Value::Null, |raw| serde_json::from_str(raw).expect("JSON"));
                prop_assert_eq!(decoded, params);
            }
        }
    }

    #[test]
    fn ids_are_echoed_byte_for_byte(id in id_text(), spaces in "[ \\t\\n\\r]{0,3}") {
        let request = format!("{{\"jsonrpc\":\"2.0\",\"id\":{spaces}{id}{spaces},\"method\":\"m\"}}");
        let Incoming::Request(request) = decode_one(request.as_bytes()) else { panic!("no request") };
        let mut reply = Vec::new();
        begin_reply(Some(&request.id), &mut reply);
        let expected = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},");
        prop_assert_eq!(String::from_utf8(reply).expect("UTF-8"), expected);
    }

    #[test]
    fn replies_survive_the_round_trip(id in any::<u64>(), result in value(), code in any::<i64>()) {
        let mut reply = Vec::new();
        begin_reply(Some(&Id::number(id)), &mut reply);
        write_result(&result, &mut reply);
        finish_reply(Some(&Id::number(id)), &mut reply);
        let Incoming::Response(response) = decode_one(&reply) else { panic!("no response") };
        let ResponseOutcome::Result(raw) = response.outcome else { panic!("no result") };
        prop_assert_eq!(serde_json::from_str::<Value>(raw).expect("JSON"), result.clone());

        let error = ErrorObject::new(code, "message").with_data(&result);
        reply.clear();
        error_reply(&Id::number(id), &error, &mut reply);
        let Incoming::Response(response) = decode_one(&reply) else { panic!("no response") };
        let ResponseOutcome::Error(decoded) = response.outcome else { panic!("no error") };
        prop_assert_eq!(decoded, error);
    }
}
