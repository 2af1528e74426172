//! Traits whose implementation is chosen at run time.
#![cfg(feature = "dyn")]

use std::sync::Arc;

use birpc::{Connection, Context, ErrorObject, Peer, Router, async_trait, rpc};
use tokio::sync::mpsc;

use crate::support::bounded;

type Answer<T> = Result<T, ErrorObject>;

#[rpc(namespace = "chat", dyn)]
trait Chat {
    /// Returns the name of the implementation.
    async fn name(&self, cx: &Context, greeting: String) -> Answer<String>;
    async fn twice(&self, cx: &Context, mut greeting: String) -> Answer<String> {
        if greeting.is_empty() {
            return Err(ErrorObject::new(1, "nothing to say"));
        }
        greeting.push('!');
        let name = self.name(cx, greeting).await?;
        Ok(format!("{name} {name}"))
    }
    #[rpc(notification)]
    async fn told(&self, what: u8);
    #[rpc(notification)]
    async fn ignored(&self, _what: u8) {}
    #[rpc(ordered)]
    async fn next(&self) -> Answer<u8>;
    #[rpc(blocking)]
    fn count(&self, words: Vec<String>) -> Answer<usize>;
    #[rpc(blocking, notification)]
    fn noted(&self, cx: &Context, #[rpc(default)] what: u8) {
        let _ = (cx.method(), what);
    }
}

struct Polite;
struct Terse(mpsc::UnboundedSender<u8>);

#[async_trait]
impl Chat for Polite {
    async fn name(&self, cx: &Context, greeting: String) -> Answer<String> {
        Ok(format!("{greeting} from {}", cx.method()))
    }

    async fn told(&self, _: u8) {}

    async fn next(&self) -> Answer<u8> {
        Ok(1)
    }

    fn count(&self, words: Vec<String>) -> Answer<usize> {
        Ok(words.len())
    }
}

#[async_trait]
impl Chat for Terse {
    async fn name(&self, _: &Context, _: String) -> Answer<String> {
        tokio::task::yield_now().await;
        Ok("hi".into())
    }

    async fn told(&self, what: u8) {
        let _ = self.0.send(what);
    }

    async fn next(&self) -> Answer<u8> {
        Ok(2)
    }

    fn count(&self, _: Vec<String>) -> Answer<usize> {
        Err(ErrorObject::new(2, "busy"))
    }
}

fn choose(polite: bool, told: mpsc::UnboundedSender<u8>) -> Arc<dyn Chat> {
    if polite { Arc::new(Polite) } else { Arc::new(Terse(told)) }
}

fn stub(chat: Arc<dyn Chat>) -> (ChatClient, Peer) {
    let (peer, far) = Connection::pair(Router::new(), Router::new().service(ChatServer::from_arc(chat)));
    (peer.stub(), far)
}

#[tokio::test]
async fn a_service_may_be_chosen_at_run_time() {
    let (told, mut hear) = mpsc::unbounded_channel();
    let (polite, _far) = stub(choose(true, told.clone()));
    assert_eq!(bounded(polite.name("hello".into())).await, Ok("hello from chat.name".to_owned()));
    let twice = bounded(polite.twice("hi".into())).await;
    assert_eq!(twice, Ok("hi! from chat.twice hi! from chat.twice".to_owned()));
    let refused = bounded(polite.twice(String::new())).await.expect_err("there is nothing to say");
    assert_eq!(refused.into_method().map(|error| error.code()), Some(1));
    assert_eq!(bounded(polite.count(vec![String::new()])).await, Ok(1));
    assert_eq!(bounded(polite.noted(1)).await, Ok(()));
    assert_eq!(bounded(polite.ignored(1)).await, Ok(()));

    let (terse, _far) = stub(choose(false, told));
    assert_eq!(bounded(terse.name("hello".into())).await, Ok("hi".to_owned()));
    assert_eq!(bounded(terse.told(7)).await, Ok(()));
    assert_eq!(bounded(hear.recv()).await, Some(7));
    assert_eq!(bounded(terse.next()).await, Ok(2));
    assert!(bounded(terse.count(vec![])).await.is_err());
}

#[tokio::test]
async fn one_whose_type_is_known_is_served_as_well() {
    let router = Router::new().service(ChatServer::new(Polite));
    let (peer, _far) = Connection::pair(Router::new(), router);
    assert_eq!(bounded(peer.stub::<ChatClient>().next()).await, Ok(1));
    let boxed: Box<dyn Chat> = Box::new(Polite);
    let (stub, _far) = stub(boxed.into());
    assert_eq!(bounded(stub.next()).await, Ok(1));
}

#[rpc(dyn)]
trait Store<K, V = String> {
    async fn put(&self, key: K, value: V) -> Answer<(K, V)>;
    async fn both(&self, key: K, value: V) -> Answer<(K, V)> {
        self.put(key, value).await
    }
}

#[async_trait]
impl Store<u8> for Polite {
    async fn put(&self, key: u8, value: String) -> Answer<(u8, String)> {
        Ok((key, value))
    }
}

#[tokio::test]
async fn a_generic_trait_may_be_dyn() {
    let store: Arc<dyn Store<u8>> = Arc::new(Polite);
    let (peer, _far) = Connection::pair(Router::new(), Router::new().service(StoreServer::from_arc(store)));
    let stub: StoreClient<u8> = peer.stub();
    assert_eq!(bounded(stub.both(1, "a".into())).await, Ok((1, "a".to_owned())));
}
