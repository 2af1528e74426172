//! Errors that arrive with their own type: `E` is not erased.

use birpc::{CallError, Context, ErrorObject, Router, RpcError, rpc};
use serde_json::{Value, json};
use thiserror::Error;

use crate::support::{Join, Side, over_both};

over_both! {
    every_shape_of_error_comes_back_typed
    errors_look_on_the_wire_as_documented
    an_error_that_is_none_of_the_methods_own_is_a_refusal
    a_nested_calls_error_is_relayed_as_it_came
}

#[derive(Clone, Debug, PartialEq, Error, RpcError)]
enum ShopError {
    #[error("sold out")]
    #[rpc(code = 1)]
    SoldOut,
    #[error("only {left} left")]
    #[rpc(code = 2)]
    TooMany {
        left: u32,
        #[rpc(name = "type")]
        kind: Option<String>,
    },
    #[error("no {0}")]
    #[rpc(code = 3)]
    Unknown(String),
    #[error("{0} is not {1:?}")]
    #[rpc(code = -4)]
    Mismatch(u8, Vec<u8>),
    #[error(transparent)]
    #[rpc(transparent)]
    Other(ErrorObject),
}

#[derive(Clone, Debug, PartialEq, Error, RpcError)]
#[error("closed until {hour}")]
#[rpc(code = 10)]
struct Closed {
    hour: u8,
}

#[derive(Clone, Debug, PartialEq, Error, RpcError)]
#[error("gone")]
#[rpc(code = 11)]
struct Gone;

#[derive(Clone, Debug, PartialEq, Error, RpcError)]
#[error(transparent)]
#[rpc(transparent)]
struct Anything(ErrorObject);

#[rpc]
trait Shop {
    async fn buy(&self, which: usize) -> Result<u32, ShopError>;
    async fn enter(&self, hour: u8) -> Result<(), Closed>;
    async fn look(&self) -> Result<(), Gone>;
    async fn ask(&self, code: i64) -> Result<(), Anything>;
    async fn raw(&self, code: i64) -> Result<(), ErrorObject>;
    /// Buys from the caller.
    async fn resell(&self, cx: &Context, which: usize) -> Result<u32, ErrorObject>;
}

fn errors() -> Vec<ShopError> {
    vec![
        ShopError::SoldOut,
        ShopError::TooMany { left: 3, kind: Some("apple".into()) },
        ShopError::TooMany { left: 0, kind: None },
        ShopError::Unknown("pears".into()),
        ShopError::Mismatch(1, vec![2, 3]),
        ShopError::Other(ErrorObject::new(99, "else").with_data(&[1])),
    ]
}

struct Counter;

impl Shop for Counter {
    async fn buy(&self, which: usize) -> Result<u32, ShopError> {
        errors().into_iter().nth(which).map_or(Ok(7), Err)
    }

    async fn enter(&self, hour: u8) -> Result<(), Closed> {
        Err(Closed { hour })
    }

    async fn look(&self) -> Result<(), Gone> {
        Err(Gone)
    }

    async fn ask(&self, code: i64) -> Result<(), Anything> {
        Err(Anything(ErrorObject::new(code, "anything")))
    }

    async fn raw(&self, code: i64) -> Result<(), ErrorObject> {
        Err(ErrorObject::new(code, "raw").with_data(&json!({"x": null})))
    }

    async fn resell(&self, cx: &Context, which: usize) -> Result<u32, ErrorObject> {
        let caller: ShopClient = cx.stub();
        Ok(caller.buy(which).await.map_err(CallError::relay)? + 1)
    }
}

fn shop() -> Side {
    Side::new(Router::new().service(ShopServer::new(Counter)))
}

async fn every_shape_of_error_comes_back_typed(join_by: Join) {
    let pair = join_by.peers(shop(), shop()).await;
    for shop in [pair.client.stub::<ShopClient>(), pair.server.stub()] {
        for (which, error) in errors().into_iter().enumerate() {
            assert_eq!(shop.buy(which).await, Err(CallError::Method(error)));
        }
        assert_eq!(shop.buy(errors().len()).await, Ok(7));
        assert_eq!(shop.enter(9).await, Err(CallError::Method(Closed { hour: 9 })));
        assert_eq!(shop.look().await.expect_err("gone").into_method(), Some(Gone));
        let anything = Anything(ErrorObject::new(5, "anything"));
        assert_eq!(shop.ask(5).await, Err(CallError::Method(anything)));
        let raw = ErrorObject::new(-5, "raw").with_data(&json!({"x": null}));
        assert_eq!(shop.raw(-5).await, Err(CallError::Method(raw)));
    }
}

async fn errors_look_on_the_wire_as_documented(join_by: Join) {
    let (mut raw, _) = join_by.raw(None, shop()).await;
    let expected = [
        json!({"code": 1, "message": "sold out"}),
        json!({"code": 2, "message": "only 3 left", "data": {"left": 3, "type": "apple"}}),
        json!({"code": 2, "message": "only 0 left", "data": {"left": 0, "type": null}}),
        json!({"code": 3, "message": "no pears", "data": "pears"}),
        json!({"code": -4, "message": "1 is not [2, 3]", "data": [1, [2, 3]]}),
        json!({"code": 99, "message": "else", "data": [1]}),
    ];
    for (which, error) in expected.into_iter().enumerate() {
        let call = json!({"jsonrpc": "2.0", "method": "buy", "params": [which], "id": which});
        assert_eq!(raw.ask(&call.to_string()).await, json!({"jsonrpc": "2.0", "id": which, "error": error}));
    }
}

// A code of the method with other data, an unknown code, and a code of the framework.
async fn an_error_that_is_none_of_the_methods_own_is_a_refusal(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let shop: ShopClient = peer.stub();
    for error in [
        json!({"code": 10, "message": ""}),
        json!({"code": 10, "message": "", "data": {"hour": "noon"}}),
        json!({"code": 12, "message": "unknown"}),
        json!({"code": -32601, "message": "Method not found"}),
    ] {
        let answer = async {
            let id = raw.json().await["id"].take();
            raw.send([json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string()]).await;
        };
        let (outcome, ()) = tokio::join!(shop.enter(1), answer);
        let Err(CallError::Rpc(refused)) = outcome else { panic!("{error}: {outcome:?}") };
        assert_eq!(serde_json::to_value(refused).expect("JSON"), error);
    }
    // A result of another type, and no result.
    for reply in
        [json!({"result": "x"}), json!({"result": 1, "error": {"code": 1, "message": ""}}), json!({})]
    {
        let answer = async {
            let mut reply = reply.clone();
            reply["jsonrpc"] = json!("2.0");
            reply["id"] = raw.json().await["id"].take();
            raw.send([reply.to_string()]).await;
        };
        let (outcome, ()) = tokio::join!(shop.buy(1), answer);
        assert!(matches!(outcome, Err(CallError::Undecodable(_))), "{reply}: {outcome:?}");
    }
}

async fn a_nested_calls_error_is_relayed_as_it_came(join_by: Join) {
    let pair = join_by.peers(shop(), shop()).await;
    let shop: ShopClient = pair.client.stub();
    assert_eq!(shop.resell(errors().len()).await, Ok(8));
    for (which, error) in errors().into_iter().enumerate() {
        assert_eq!(shop.resell(which).await, Err(CallError::Method(error.into_error_object())));
    }
    // Only the kind of the end of a nested call is reported.
    let hang = |_, (_which,): (usize,)| std::future::pending::<Result<u32, ErrorObject>>();
    let silent = Side::new(Router::new().method("buy", hang));
    let pair = join_by.peers(silent, impatient_shop()).await;
    let outcome = pair.client.call::<u32>("resell", [0]).await;
    assert_eq!(crate::support::code(&outcome), -32603, "{outcome:?}");
}

/// A shop that does not wait for its caller.
fn impatient_shop() -> Side {
    let resell = |cx: Context, (which,): (usize,)| async move {
        let caller: ShopClient = cx.peer().with_timeout(std::time::Duration::ZERO).stub();
        let bought: u32 = caller.buy(which).await.map_err(CallError::relay)?;
        Ok::<Value, ErrorObject>(json!(bought))
    };
    Side::new(Router::new().method("resell", resell))
}
