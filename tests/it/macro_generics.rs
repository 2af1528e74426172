//! Bounds of generic traits: on the types that are sent, not on the types that these depend on.

use std::marker::PhantomData;

use birpc::{CallError, Connection, ErrorObject, Peer, Router, RpcError, rpc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::support::bounded;

/// The types of a chain; a marker that is never sent.
trait Config: Send + Sync + 'static {
    type Hash: Serialize + DeserializeOwned + Clone + PartialEq + std::fmt::Debug + Send + Sync + 'static;
}

#[derive(Debug, PartialEq)]
struct Main;

impl Config for Main {
    type Hash = String;
}

/// Can be sent for every configuration.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
struct Block<C: Config> {
    hash: C::Hash,
    #[serde(skip)]
    of: PhantomData<fn() -> C>,
}

#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
enum ChainError<C: Config> {
    #[error("unknown")]
    #[rpc(code = 1)]
    Unknown { hash: C::Hash },
    #[error("forked")]
    #[rpc(code = 2)]
    Forked(Vec<C::Hash>, Option<<C as Config>::Hash>),
}

#[rpc]
trait Chain<C: Config> {
    async fn hash(&self, number: u64) -> Result<C::Hash, ErrorObject>;
    async fn block(&self, hash: C::Hash) -> Result<Option<Block<C>>, ErrorObject>;
    async fn parent(&self, block: Block<C>) -> Result<<C as Config>::Hash, ChainError<C>>;
    #[rpc(params = "single")]
    async fn all(&self, hashes: Vec<C::Hash>) -> Result<usize, ErrorObject> {
        Ok(hashes.len())
    }
    #[rpc(notification)]
    async fn seen(&self, hash: Option<C::Hash>);
    #[rpc(blocking)]
    fn count(&self, hashes: Vec<C::Hash>) -> Result<usize, ErrorObject>;
}

struct Node;

impl Chain<Main> for Node {
    async fn hash(&self, number: u64) -> Result<String, ErrorObject> {
        Ok(number.to_string())
    }

    async fn block(&self, hash: String) -> Result<Option<Block<Main>>, ErrorObject> {
        Ok(Some(Block { hash, of: PhantomData }))
    }

    async fn parent(&self, block: Block<Main>) -> Result<String, ChainError<Main>> {
        Err(ChainError::Unknown { hash: block.hash })
    }

    async fn seen(&self, _: Option<String>) {}

    fn count(&self, hashes: Vec<String>) -> Result<usize, ErrorObject> {
        Ok(hashes.len())
    }
}

/// Code that is itself generic needs bounds only on the types that are sent.
async fn first<C: Config>(peer: &Peer) -> Result<C::Hash, CallError> {
    peer.stub::<ChainClient<C>>().hash(1).await
}

fn served<C: Config>(chain: impl Chain<C>) -> Router {
    Router::new().service(ChainServer::new(chain))
}

/// An array of any length is not `Serialize`, but this type's may be.
#[rpc]
trait Fixed<const N: usize> {
    async fn turn(&self, array: [u8; N]) -> Result<[u8; N], ErrorObject>;
}

impl Fixed<3> for Node {
    async fn turn(&self, mut array: [u8; 3]) -> Result<[u8; 3], ErrorObject> {
        array.reverse();
        Ok(array)
    }
}

#[tokio::test]
async fn only_what_travels_has_to_be_able_to() {
    let router = served(Node).service(FixedServer::new(Node));
    let (peer, _far) = Connection::pair(Router::new(), router);
    assert_eq!(bounded(first::<Main>(&peer)).await, Ok("1".to_owned()));
    let chain: ChainClient<Main> = peer.stub();
    let block = || Block { hash: "a".to_owned(), of: PhantomData };
    assert_eq!(bounded(chain.block("a".into())).await, Ok(Some(block())));
    let error = bounded(chain.parent(block())).await.expect_err("it is unknown").into_method();
    assert_eq!(error, Some(ChainError::Unknown { hash: "a".to_owned() }));
    assert_eq!(bounded(chain.all(vec!["a".into()])).await, Ok(1));
    assert_eq!(bounded(chain.count(vec![])).await, Ok(0));
    assert_eq!(bounded(chain.seen(None)).await, Ok(()));
    let fixed: FixedClient<3> = peer.stub();
    assert_eq!(bounded(fixed.turn([1, 2, 3])).await, Ok([3, 2, 1]));
}
