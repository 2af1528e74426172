//! The fallback of a router: calls of methods that it does not serve by name.

use birpc::middleware::{Handler, IncomingCall, Next, from_fn};
use birpc::{CallError, Connection, Context, ErrorObject, Overflow, RawValue, Router};
use serde_json::json;

use crate::support::{Join, Record, Side, code, over_both};

over_both! {
    unknown_methods_reach_the_fallback_as_they_were_called
    notifications_reach_the_fallback
    merging_adds_a_fallback_and_nesting_does_not
    layers_are_around_the_fallback_too
    a_relay_passes_calls_and_errors_on
    a_name_that_is_too_long_is_not_passed_on
    reserved_methods_do_not_reach_the_fallback
    notifications_past_a_limit_are_dropped_even_if_the_latest_is_kept
}

type Params = Option<Box<RawValue>>;
type Answer = Result<String, ErrorObject>;

/// Serves `known`, and answers all other methods with what came.
fn echoing() -> Router {
    Router::new().method("known", |_: Context, ()| async { Answer::Ok("known".into()) }).fallback(
        |cx: Context, params: Params| async move {
            let id = cx.id().map(|id| format!(" {id}")).unwrap_or_default();
            Answer::Ok(format!("{}{id} {}", cx.method(), params.as_ref().map_or("none", |it| it.get())))
        },
    )
}

async fn unknown_methods_reach_the_fallback_as_they_were_called(join_by: Join) {
    let (mut raw, _peer) = join_by.raw(None, Side::new(echoing())).await;
    let cases = [
        (r#"{"jsonrpc":"2.0","id":1,"method":"known"}"#, "known"),
        (r#"{"jsonrpc":"2.0","id":1.0,"method":"a.b","params":[1.50,"x"]}"#, r#"a.b 1.0 [1.50,"x"]"#),
        (r#"{"jsonrpc":"2.0","id":"k","method":"\u0061","params":{"b":1}}"#, r#"a "k" {"b":1}"#),
        (r#"{"jsonrpc":"2.0","id":2,"method":""}"#, " 2 none"),
    ];
    for (sent, expected) in cases {
        raw.send([sent.to_owned()]).await;
        assert_eq!(raw.json().await["result"], expected, "{sent}");
    }
}

async fn notifications_reach_the_fallback(join_by: Join) {
    let heard = Record::default();
    let router = {
        let heard = heard.clone();
        Router::new()
            .fallback(move |cx: Context, (line,): (String,)| {
                heard.push(format!("{} {line} {:?}", cx.method(), cx.id().is_none()));
                async { Ok::<_, ErrorObject>(()) }
            })
            .method("fence", |_: Context, ()| async { Ok::<_, ErrorObject>(()) })
    };
    let pair = join_by.peers(Side::default(), Side::new(router)).await;
    for line in ["one", "two"] {
        pair.client.notify("said", [line]).await.expect("it is sent");
    }
    // Whose params do not decode is dropped.
    pair.client.notify("said", [1]).await.expect("it is sent");
    assert_eq!(code(&pair.client.call::<()>("said", [1]).await), -32602);
    pair.client.call::<()>("fence", ()).await.expect("an answer");
    assert_eq!(heard.take(), ["said one true", "said two true"]);
}

async fn merging_adds_a_fallback_and_nesting_does_not(join_by: Join) {
    let named = |name: &'static str| {
        Router::new().fallback(move |_: Context, _: Params| async move { Answer::Ok(name.into()) })
    };
    let answer = async |router: Router, method: &str| {
        let pair = join_by.peers(Side::default(), Side::new(router)).await;
        pair.client.call::<String>(method, ()).await.map_err(|error| match error {
            CallError::Rpc(error) => error.code(),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(answer(Router::new().merge(named("other")), "x").await, Ok("other".into()));
    assert_eq!(answer(named("this").merge(named("other")), "x").await, Ok("this".into()));
    assert_eq!(
        answer(named("first").fallback(|_: Context, _: Params| async { Answer::Ok("last".into()) }), "x")
            .await,
        Ok("last".into())
    );
    assert_eq!(answer(Router::new().nest("in.", named("inner")), "in.x").await, Err(-32601));
    assert_eq!(answer(Router::new().ordered(named("ordered")), "x").await, Ok("ordered".into()));
}

async fn layers_are_around_the_fallback_too(join_by: Join) {
    let seen = Record::default();
    let layer = {
        let seen = seen.clone();
        from_fn(move |call: IncomingCall, next: Next<Handler>| {
            seen.push(call.method().to_owned());
            async move { next.run(call).await as Result<Box<RawValue>, ErrorObject> }
        })
    };
    let router = echoing().layer(layer).method("late", |_: Context, ()| async { Answer::Ok("late".into()) });
    let pair = join_by.peers(Side::default(), Side::new(router)).await;
    for method in ["known", "one", "two"] {
        pair.client.call::<String>(method, ()).await.expect("an answer");
    }
    pair.client.call::<String>("late", ()).await.expect("an answer");
    assert_eq!(seen.take(), ["known", "one", "two"]);
}

async fn a_relay_passes_calls_and_errors_on(join_by: Join) {
    let far = Router::new()
        .method("add", |_: Context, (a, b): (i64, i64)| async move { Ok::<_, ErrorObject>(a + b) })
        .method("fail", |_: Context, ()| async { Err::<(), _>(ErrorObject::new(7, "no").with_data(&[1])) });
    let (to, _far) = Connection::pair(Router::new(), far);
    let relay = Router::new().fallback(move |cx: Context, params: Params| {
        let call = to.call::<Box<RawValue>>(cx.method(), params);
        async move { call.await.map_err(CallError::relay) }
    });
    let pair = join_by.peers(Side::default(), Side::new(relay)).await;
    assert_eq!(pair.client.call::<i64>("add", (1, 2)).await, Ok(3));
    match pair.client.call::<()>("fail", ()).await {
        Err(CallError::Method(error)) => assert_eq!((error.code(), error.data()), (7, Some([1]))),
        other => panic!("{other:?}"),
    }
    assert_eq!(code(&pair.client.call::<()>("none", ()).await), -32601);
}

async fn a_name_that_is_too_long_is_not_passed_on(join_by: Join) {
    let pair = join_by.peers(Side::default(), Side::new(echoing())).await;
    let longest = "x".repeat(1024);
    assert!(pair.client.call::<String>(&longest, ()).await.is_ok());
    assert_eq!(code(&pair.client.call::<String>(&(longest + "x"), ()).await), -32601);
}

async fn reserved_methods_do_not_reach_the_fallback(join_by: Join) {
    let heard = Record::default();
    let router = {
        let heard = heard.clone();
        Router::new().fallback(move |cx: Context, _: Params| {
            heard.push(cx.method().to_owned());
            async { Answer::Ok("here".into()) }
        })
    };
    let (mut raw, _peer) = join_by.raw(Some("birpc.v1"), Side::new(router)).await;
    let notification =
        |method: &str| json!({"jsonrpc": "2.0", "method": method, "params": {"id": 9}}).to_string();
    raw.send([notification("rpc.cancel"), notification("rpc.nonsense"), notification("said")]).await;
    raw.send([r#"{"jsonrpc":"2.0","id":1,"method":"fence"}"#.to_owned()]).await;
    assert_eq!(raw.json().await["result"], "here");
    assert_eq!(heard.take(), ["said", "fence"]);
}

async fn notifications_past_a_limit_are_dropped_even_if_the_latest_is_kept(join_by: Join) {
    let router = Router::new().fallback(|_: Context, _: Params| async {
        std::future::pending::<()>().await;
        Ok::<_, ErrorObject>(())
    });
    let server = Side::new(router).in_flight(1).config(|config| config.overflow = Some(Overflow::Latest));
    let pair = join_by.peers_of(None, Side::default(), server).await;
    for n in 0..50 {
        pair.client.notify(&format!("position{n}"), ()).await.expect("it is sent");
    }
    // Two are open: one runs and one waits. There is no room for a request either, which is the fence.
    assert_eq!(code(&pair.client.call::<()>("fence", ()).await), -32005);
    assert_eq!(pair.server.serving(), 2);
    assert_eq!(pair.server.dropped_notifications(), 48);
}
