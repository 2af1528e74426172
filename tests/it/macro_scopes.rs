//! Traits in scopes where common names have other meanings or do not exist.
#![allow(dead_code, unreachable_pub)]

use crate::support::bounded;

/// No prelude at all.
mod bare {
    use ::birpc::{Context, ErrorObject, RpcError, rpc};

    /// The error.
    #[derive(RpcError)]
    #[rpc(code = 1)]
    pub struct Failed(pub ::std::primitive::u8);

    impl ::std::fmt::Display for Failed {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            ::std::write!(f, "failed")
        }
    }

    /// Common names with other meanings.
    pub mod other {
        pub struct Option;
        pub struct Vec;
        pub struct String;
        pub struct Box;
        pub struct Send;
        pub struct Sync;
        pub struct Future;
        pub struct Result;
        pub struct Arc;
        pub struct Some;
        pub struct None;
        pub struct Ok;
        pub struct Err;
        pub struct From;
        pub struct Clone;
        pub struct Default;
        pub struct Sized;
        pub struct Peer;
        pub struct Router;
        pub struct Call;
        pub struct Batch;
        pub struct Service;
        pub struct Serialize;
        pub mod std {}
        pub mod core {}
        pub mod serde {}
    }
    #[allow(unused_imports)]
    use other::*;

    type Answer<T> = ::std::result::Result<T, Failed>;

    #[rpc(namespace = "bare")]
    pub trait Bare<T> {
        async fn get(
            &self,
            cx: &Context,
            value: T,
            #[rpc(default)] number: ::std::primitive::u8,
        ) -> Answer<T>;
        async fn body(
            &self,
            value: ::std::primitive::u8,
        ) -> ::std::result::Result<::std::primitive::u8, ErrorObject> {
            ::std::result::Result::Ok(value)
        }
        #[rpc(notification, sensitive)]
        async fn told(&self, #[rpc(null)] value: ::std::option::Option<T>);
        #[rpc(blocking, ordered)]
        fn wait(&self) -> Answer<()>;
        #[rpc(params = "named", idempotent, sensitive)]
        async fn named(&self, value: T) -> Answer<T>;
        #[rpc(params = "single")]
        async fn single(&self, value: ::std::vec::Vec<T>) -> Answer<::std::primitive::usize>;
    }
}

struct Service;

impl bare::Bare<String> for Service {
    async fn get(&self, _: &birpc::Context, value: String, _: u8) -> Result<String, bare::Failed> {
        Ok(value)
    }

    async fn told(&self, _: Option<String>) {}

    fn wait(&self) -> Result<(), bare::Failed> {
        Err(bare::Failed(1))
    }

    async fn named(&self, value: String) -> Result<String, bare::Failed> {
        Ok(value)
    }

    async fn single(&self, value: Vec<String>) -> Result<usize, bare::Failed> {
        Ok(value.len())
    }
}

#[tokio::test]
async fn names_of_the_prelude_may_mean_something_else() {
    let router = birpc::Router::new().service(bare::BareServer::new(Service));
    let (peer, _far) = birpc::Connection::pair(birpc::Router::new(), router);
    let stub: bare::BareClient<String> = peer.stub();
    assert_eq!(bounded(stub.get("a".into(), 1)).await.ok(), Some("a".to_owned()));
    assert_eq!(bounded(stub.named("a".into())).await.ok(), Some("a".to_owned()));
    assert_eq!(bounded(stub.single(vec![])).await.ok(), Some(0));
    assert!(bounded(stub.told(None)).await.is_ok());
    assert!(bounded(stub.wait()).await.is_err());
    assert_eq!(bounded(stub.body(3)).await.ok(), Some(3));
}

#[tokio::test]
async fn a_trait_may_stand_in_a_function_and_come_from_a_macro() {
    macro_rules! service {
        ($vis:vis $name:ident, $server:ident, $client:ident {
            $($method:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*
        }) => {
            #[birpc::rpc(namespace = "made")]
            $vis trait $name {
                $(async fn $method(&self, $($arg: $ty),*) -> $out;)*
            }

            impl $name for u8 {
                $(async fn $method(&self, $($arg: $ty),*) -> $out {
                    let _ = ($(&$arg,)*);
                    Ok(*self)
                })*
            }

            let (peer, _far) = birpc::Connection::pair(
                birpc::Router::new(),
                birpc::Router::new().service($server::new(7)),
            );
            let stub: $client = peer.stub();
            $(assert_eq!(bounded(stub.$method($(<$ty>::default()),*)).await, Ok(7));)*
        };
    }
    service! {
        pub(crate) Größe, GrößeServer, GrößeClient {
            länge(größe: u8, r#type: Option<Vec<String>>) -> Result<u8, birpc::ErrorObject>;
            none() -> std::result::Result<u8, birpc::ErrorObject>;
        }
    }
}
