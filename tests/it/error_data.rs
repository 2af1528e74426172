//! Errors whose data is missing, null or a value: serde's `Option` and `()` treat missing data and null
//! alike.

use birpc::{ErrorObject, RpcError};
use serde_json::{Value, json};

macro_rules! errors {
    ($($name:ident $fields:tt;)*) => {$(
        #[derive(Debug, PartialEq, thiserror::Error, RpcError)]
        #[error("failed")]
        #[rpc(code = 1)]
        struct $name $fields;
    )*};
}

errors! {
    Empty();
    One(Option<u8>);
    OneUnit(());
    OneNumber(u8);
    OneAnything(Value);
    Several(Option<u8>, Option<String>);
    SeveralUnits((), ());
    SeveralNumbers(Option<u8>, u8);
}

#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
#[error("failed")]
#[rpc(code = 1)]
struct Named {
    a: Option<u8>,
    b: (),
}

#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
#[error("failed")]
#[rpc(code = 1)]
struct NamedNumber {
    a: Option<u8>,
    b: u8,
}

/// The error that is decoded from this data; `None` if it is not one of the type's.
fn received<E: RpcError>(data: Option<Value>) -> Option<E> {
    let error = ErrorObject::new(1, "failed");
    let error = match data {
        Some(data) => error.with_data(&data),
        None => error,
    };
    E::from_error_object(error).ok()
}

/// The outcomes without data, with null, and with each of the values.
fn outcomes<E: RpcError>(values: impl IntoIterator<Item = Value>) -> Vec<Option<E>> {
    [None, Some(Value::Null)].into_iter().chain(values.into_iter().map(Some)).map(received).collect()
}

fn same<E: RpcError + PartialEq + std::fmt::Debug>(
    values: Vec<Value>,
    nothing: Option<E>,
    others: Vec<Option<E>>,
) {
    let mut found = outcomes::<E>(values);
    let rest = found.split_off(2);
    assert_eq!(found[0], nothing, "no data");
    assert_eq!(found[1], nothing, "null");
    assert_eq!(rest, others);
}

#[test]
fn no_data_and_null_are_the_same() {
    same(vec![json!(1), json!({"x": 1})], Some(Empty()), vec![Some(Empty()), Some(Empty())]);
    same(vec![json!(1), json!("x")], Some(One(None)), vec![Some(One(Some(1))), None]);
    same(vec![json!(1)], Some(OneUnit(())), vec![None]);
    same(vec![json!(1)], None, vec![Some(OneNumber(1))]);
    same(vec![json!([])], Some(OneAnything(Value::Null)), vec![Some(OneAnything(json!([])))]);
    same(
        vec![json!([1, "b"]), json!([1]), json!([null, null]), json!({}), json!([1, "b", 2])],
        Some(Several(None, None)),
        vec![Some(Several(Some(1), Some("b".into()))), None, Some(Several(None, None)), None, None],
    );
    same(vec![json!([null, null])], Some(SeveralUnits((), ())), vec![Some(SeveralUnits((), ()))]);
    same(vec![json!([null, 2]), json!([1])], None, vec![Some(SeveralNumbers(None, 2)), None]);
    same(
        vec![json!({}), json!({"a": 1, "b": null}), json!({"a": "x"})],
        Some(Named { a: None, b: () }),
        vec![Some(Named { a: None, b: () }), Some(Named { a: Some(1), b: () }), None],
    );
    same(vec![json!({"b": 2}), json!({})], None, vec![Some(NamedNumber { a: None, b: 2 }), None]);
}

#[test]
fn an_error_turns_into_its_object_by_itself() {
    fn layer() -> Result<(), ErrorObject> {
        Err(OneNumber(7).into())
    }
    fn handler() -> Result<(), ErrorObject> {
        Err(Several(None, None))?;
        Ok(())
    }
    assert_eq!(layer().expect_err("it fails").data::<u8>(), Some(7));
    assert_eq!(handler().expect_err("it fails").data::<Value>(), Some(json!([null, null])));
}
