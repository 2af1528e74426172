//! Names of the user's that the expansion of a trait also uses, and names in scope around the trait.
#![allow(non_upper_case_globals, unreachable_pub)]

use birpc::{Connection, ErrorObject, Peer, Router, rpc};

use crate::support::bounded;

type Answer<T> = Result<T, ErrorObject>;

/// Constants with the names of variables that a careless expansion would use.
mod constants {
    use birpc::{Context, ErrorObject, RpcError, rpc};

    macro_rules! constants {
        ($($name:ident)*) => { $(#[allow(dead_code)] pub const $name: u8 = 0;)* };
    }
    constants! {
        routes router output this me cx peer service timeout calls f error message known handler params
        field0 field1 value name arc left right register body state data context
    }

    #[derive(Debug, PartialEq, RpcError)]
    pub enum Failed {
        #[rpc(code = 1)]
        Unnamed(u8, String),
        #[rpc(code = 2)]
        Named { left: u8, right: String },
        #[rpc(transparent)]
        Other(ErrorObject),
    }

    impl std::fmt::Display for Failed {
        fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            to.write_str("failed")
        }
    }

    #[rpc]
    pub trait Constant<A> {
        async fn get(&self, cx_: &Context, this_: A, routes_: u8) -> Result<A, Failed>;
        #[rpc(blocking)]
        fn wait(&self, number: u8) -> Result<u8, ErrorObject>;
        #[rpc(notification)]
        async fn note(&self, number: u8) {
            let _ = number;
        }
        async fn with_body(&self, number: u8) -> Result<u8, ErrorObject> {
            Ok(number)
        }
    }
}

use constants::{Constant, ConstantClient, ConstantServer, Failed};

struct Constants;

impl Constant<String> for Constants {
    async fn get(&self, _: &birpc::Context, name: String, number: u8) -> Result<String, Failed> {
        match number {
            0 => Ok(name),
            1 => Err(Failed::Unnamed(1, name)),
            _ => Err(Failed::Named { left: 2, right: name }),
        }
    }

    fn wait(&self, number: u8) -> Answer<u8> {
        Ok(number)
    }
}

#[tokio::test]
async fn constants_in_scope_are_not_taken_for_variables() {
    let router = Router::new().service(ConstantServer::new(Constants));
    let (peer, _far) = Connection::pair(Router::new(), router);
    let stub: ConstantClient<String> = Peer::stub(&peer);
    assert_eq!(bounded(stub.get("a".into(), 0)).await, Ok("a".to_owned()));
    let failed = bounded(stub.get("a".into(), 1)).await.expect_err("it fails");
    assert_eq!(failed.into_method(), Some(Failed::Unnamed(1, "a".into())));
    let failed = bounded(stub.get("a".into(), 2)).await.expect_err("it fails");
    assert_eq!(failed.into_method(), Some(Failed::Named { left: 2, right: "a".into() }));
    assert_eq!(bounded(stub.wait(3)).await, Ok(3));
    assert_eq!(bounded(stub.with_body(4)).await, Ok(4));
}

macro_rules! trait_of {
    ($($method:ident)*) => {
        /// Methods with the names of methods of std's traits and of birpc's types.
        #[rpc]
        #[allow(clippy::wrong_self_convention)]
        trait Odd {
            $(async fn $method(&self, number: u8) -> Answer<u8>;)*
        }

        impl Odd for () {
            $(async fn $method(&self, number: u8) -> Answer<u8> {
                Ok(number)
            })*
        }

        async fn call_all(stub: &OddClient) {
            $(assert_eq!(bounded(stub.$method(1)).await, Ok(1), stringify!($method));)*
            $(
                let mut batch = stub.batch();
                let call = OddBatch::$method(&mut batch, 2);
                bounded(batch.send()).await.expect("it is connected");
                assert_eq!(bounded(call).await, Ok(2), stringify!($method));
            )*
        }
    };
}

trait_of! {
    into try_into from try_from clone clone_from clone_into to_owned to_string borrow borrow_mut as_ref as_mut
    deref
    deref_mut drop fmt eq ne cmp partial_cmp hash default new from_arc into_iter next iter type_id type_name
    call
    call_once notify notification invoke request blocking_request ordered register add layer routes router
    stub send
    close closed id remote_addr timeout handle idempotent detached with_data code data map unwrap_or ok_or
    instrument
    boxed poll into_future not neg index pipe tap then serialize deserialize into_router serve run spawn get
    insert
    r#type r#match r#async r#dyn r#move r#box
}

/// Methods that a trait in scope has for every type.
#[allow(dead_code)]
trait Everywhere: Sized {
    fn request(self) {}
    fn notification(self) {}
    fn ordered(self) {}
    fn stub(self) {}
    fn set(self) {}
    fn code(self) {}
    fn or(self) {}
    fn debug_tuple(self) {}
}

impl<T> Everywhere for T {}

#[tokio::test]
async fn methods_may_be_called_as_those_of_other_traits_are() {
    let (peer, _far) = Connection::pair(Router::new(), Router::new().service(OddServer::new(())));
    call_all(&Peer::stub(&peer)).await;
}

/// Two ways to call one method of the peer.
#[rpc(client, namespace = "tool")]
trait Tools {
    #[rpc(name = "call")]
    async fn call_text(&self, text: String) -> Answer<String>;
    #[rpc(name = "call", params = "named")]
    async fn call_number(&self, number: u64) -> Answer<u64>;
}

#[tokio::test]
async fn several_methods_of_a_client_may_have_one_name() {
    let echo = |_: birpc::Context, params: serde_json::Value| async move {
        Ok::<_, ErrorObject>(params.get(0).or_else(|| params.get("number")).cloned())
    };
    let (peer, _far) = Connection::pair(Router::new(), Router::new().method("call", echo));
    let tools: ToolsClient = Peer::stub(&peer);
    assert_eq!(bounded(tools.call_text("a".into())).await, Ok("a".to_owned()));
    assert_eq!(bounded(tools.call_number(7)).await, Ok(7));
}

/// Lints that are denied apply to the expansion.
#[deny(warnings, clippy::pedantic)]
mod strict {
    use birpc::{ErrorObject, rpc};

    #[rpc]
    pub(crate) trait Wide {
        #[expect(clippy::too_many_arguments)]
        async fn expected(
            &self,
            a: u8,
            b: u8,
            c: u8,
            d: u8,
            e: u8,
            f: u8,
            g: u8,
            h: u8,
        ) -> Result<u8, ErrorObject>;
    }

    #[rpc]
    #[allow(clippy::too_many_arguments)]
    pub(crate) trait Wider {
        async fn allowed(
            &self,
            a: u8,
            b: u8,
            c: u8,
            d: u8,
            e: u8,
            f: u8,
            g: u8,
            h: u8,
        ) -> Result<u8, ErrorObject>;
    }
}

#[test]
fn lint_levels_hold_for_stubs() {
    fn is_stub<T: From<birpc::Peer>>() {}
    is_stub::<strict::WideClient>();
    is_stub::<strict::WiderClient>();
}
