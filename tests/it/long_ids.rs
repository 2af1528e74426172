//! An id returns byte for byte, unless the reply would exceed `max_message_out` because of it.

use birpc::{Context, ErrorObject};
use serde_json::{Value, json};

use crate::support::{Heard, Join, Raw, Side, hanging, over_both};

over_both! {
    every_reply_echoes_an_id_that_fits
    no_reply_is_larger_than_the_limit
    no_answer_to_a_batch_is_larger_than_the_limit
    a_limit_that_no_reply_fits_keeps_no_caller
}

const LIMIT: usize = 1000;

fn side(in_flight: usize) -> Side {
    let (router, _) = hanging();
    let router = router
        .method("one", |_: Context, ()| async { Ok::<_, ErrorObject>(1) })
        .method("later", |_: Context, ()| async {
            tokio::task::yield_now().await;
            Ok::<_, ErrorObject>(1)
        })
        .method("long", |_: Context, ()| async { Ok::<_, ErrorObject>("x".repeat(500)) })
        .method("fail", |_: Context, ()| async { Err::<(), _>(ErrorObject::new(1, "y".repeat(300))) });
    Side::new(router).limits(|limits| {
        limits.max_message_out = LIMIT;
        limits.max_in_flight = in_flight;
    })
}

const METHODS: [&str; 5] = ["one", "later", "long", "fail", "no such method"];

fn id(length: usize) -> String {
    "i".repeat(length)
}

fn request(method: &str, id: &str) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "id": id})
}

async fn hear(raw: &mut Raw) -> (usize, Value) {
    let Heard::Text(text) = raw.hear().await else { panic!("no message") };
    (text.len(), serde_json::from_str(&text).expect("JSON"))
}

async fn every_reply_echoes_an_id_that_fits(join_by: Join) {
    let (mut raw, _peer) = join_by.raw(None, side(10)).await;
    for method in METHODS {
        let id = id(300);
        let reply = raw.ask(&request(method, &id).to_string()).await;
        assert_eq!(reply["id"], json!(id), "{method}");
    }
}

async fn no_reply_is_larger_than_the_limit(join_by: Join) {
    let (mut raw, _peer) = join_by.raw(Some("birpc.v1"), side(10)).await;
    let invalid = |id: &str| json!({"jsonrpc": "2.0", "method": 7, "id": id});
    for length in (600..1100).step_by(7).chain([4000]) {
        let id = id(length);
        let requests = METHODS.map(|method| request(method, &id)).into_iter().chain([invalid(&id)]);
        for request in requests {
            raw.send([request.to_string()]).await;
            let (size, reply) = hear(&mut raw).await;
            assert!(size <= LIMIT, "{length}: {reply}");
            if reply["id"].is_null() {
                assert_eq!(reply["error"]["code"], -32600);
                assert!(length > 900, "{length}: {reply}");
            } else {
                assert_eq!(reply["id"], json!(id));
            }
        }
    }
    // If the result fits, it is sent.
    let fitting = id(LIMIT - r#"{"jsonrpc":"2.0","id":"","result":1}"#.len());
    for method in ["one", "later"] {
        assert_eq!(raw.ask(&request(method, &fitting).to_string()).await["result"], 1);
    }
    assert!(raw.ask(&request("one", &(fitting + "i")).to_string()).await["id"].is_null());
    // Requests that a cancel ends, whether they run or wait.
    let (mut raw, _peer) = join_by.raw(Some("birpc.v1"), side(1)).await;
    let ids = [id(980), id(981)];
    raw.send(ids.iter().map(|id| request("hang", id).to_string())).await;
    for id in ids.iter().rev() {
        raw.send([json!({"jsonrpc": "2.0", "method": "rpc.cancel", "params": {"id": id}}).to_string()]).await;
        let (size, reply) = hear(&mut raw).await;
        assert!(size <= LIMIT && reply["error"]["code"] == -32600, "{reply}");
    }
}

async fn no_answer_to_a_batch_is_larger_than_the_limit(join_by: Join) {
    let (mut raw, _peer) = join_by.raw(None, side(100)).await;
    for length in [1, 50, 100, 200, 300, 450, 900, 4000] {
        for entries in [1, 2, 3, 4, 10, 50] {
            let requests =
                (0..entries).map(|n| request(METHODS[n % METHODS.len()], &format!("{n}{}", id(length))));
            raw.send([Value::from_iter(requests).to_string()]).await;
            let (size, answer) = hear(&mut raw).await;
            assert!(size <= LIMIT, "{length} × {entries}: {answer}");
            match answer.as_array() {
                Some(replies) => assert_eq!(replies.len(), entries),
                None => assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(-32600))),
            }
        }
    }
}

async fn a_limit_that_no_reply_fits_keeps_no_caller(join_by: Join) {
    for limit in [0, 1, 40] {
        let none = side(10).limits(|limits| limits.max_message_out = limit);
        let (mut raw, _peer) = join_by.raw(Some("birpc.v1"), none).await;
        for method in ["long", "fail", "no such method"] {
            let reply = raw.ask(&request(method, "a").to_string()).await;
            assert_eq!(
                (&reply["id"], reply["error"].is_object()),
                (&json!("a"), true),
                "{limit}: {method}: {reply}"
            );
        }
    }
}
