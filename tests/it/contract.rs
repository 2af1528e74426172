//! `#[rpc(schema)]`: what a trait says about itself, and `rpc.discover`.

use birpc::contract::{Describe, Outcome, Service, Style};
use birpc::{
    CallError, Client, Context, Contract, ErrorObject, Progress, Router, RpcError, Server, Streaming, rpc,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

type Json = Box<RawValue>;

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Shape {
    Circle { r: f64 },
    Rect { w: f64, h: Option<f64> },
}

#[derive(Debug, thiserror::Error, RpcError)]
#[rpc(schema)]
enum AreaError {
    #[error("`{field}` is negative, {}", of)]
    #[rpc(code = 10)]
    Negative {
        field: String,
        #[rpc(name = "in")]
        of: u8,
    },
    /// Too large.
    #[rpc(code = -11)]
    #[error(fmt = short)]
    TooLarge(u8),
    #[error("{0} {1}")]
    #[rpc(code = 12)]
    Pair(u8, String),
    #[error(transparent)]
    #[rpc(transparent)]
    Other(ErrorObject),
}

fn short(_: &u8, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    f.write_str("too large")
}

#[derive(Debug, thiserror::Error, RpcError)]
#[error("gone")]
#[rpc(code = 20, schema)]
struct Gone;

type Answer<T> = Result<T, ErrorObject>;

/// What an office does.
///
/// All of it.
#[rpc(namespace = "office", schema)]
trait Office {
    /// The area of a shape.
    ///
    ///     indented
    async fn area(&self, cx: &Context, shape: Shape) -> Result<f64, AreaError>;
    #[deprecated]
    async fn find(
        &self,
        from: Option<u32>,
        #[rpc(name = "type")] kind: String,
        limit: Option<Json>,
        #[rpc(default)] offset: u8,
    ) -> Answer<Vec<Shape>>;
    #[rpc(notification, name = "log/line")]
    async fn log(&self, line: String);
    #[rpc(params = "single", idempotent)]
    async fn open(&self, shape: Shape) -> Answer<()>;
    #[rpc(params = "named")]
    async fn tail(&self, words: Streaming<String>) -> Result<Streaming<Shape, Gone>, AreaError>;
    #[rpc(subscription(notify = "tick", unsubscribe = "untick"))]
    async fn ticks(&self) -> Answer<Streaming<u64>>;
    async fn build(&self, steps: u8, progress: Progress<Shape>) -> Answer<String>;
    #[rpc(hidden)]
    async fn secret(&self) -> Answer<()>;
    #[cfg(any())]
    async fn absent(&self) -> Answer<NoSuchType>;
}

#[rpc(client, schema)]
trait Page {
    async fn r#move(&self, to: Option<u32>) -> Answer<bool>;
}

/// Types of which only a part has a schema.
trait Config: Send + Sync + 'static {
    type Hash;
}

#[rpc(schema)]
trait Chain<C: Config> {
    async fn head(&self) -> Answer<C::Hash>;
}

struct Plain;

impl Config for Plain {
    type Hash = u64;
}

fn described<T: Describe>() -> Service {
    T::describe()
}

fn method<'s>(service: &'s Service, name: &str) -> &'s birpc::contract::Method {
    service.methods.iter().find(|method| method.name == name).expect("it is described")
}

#[test]
fn a_trait_tells_its_methods_sorted_by_name_and_without_hidden_ones() {
    let office = described::<OfficeContract>();
    assert_eq!((&*office.name, &*office.docs), ("Office", "What an office does.\n\nAll of it."));
    let names: Vec<_> = office.methods.iter().map(|method| (&*method.name, &*method.function)).collect();
    assert_eq!(
        names,
        [
            ("log/line", "log"),
            ("office.area", "area"),
            ("office.build", "build"),
            ("office.find", "find"),
            ("office.open", "open"),
            ("office.tail", "tail"),
            ("office.ticks", "ticks"),
        ]
    );
    let area = method(&office, "office.area");
    assert_eq!(area.docs, "The area of a shape.\n\n    indented");
    assert!(method(&office, "office.find").deprecated && !area.deprecated);
    let open = method(&office, "office.open");
    assert_eq!((open.style, open.idempotent), (Style::Single, true));
    assert_eq!(method(&office, "office.tail").style, Style::Named);
    let page = described::<PageContract>();
    assert_eq!((&*page.methods[0].name, &*page.methods[0].function), ("move", "move"));
    assert_eq!(described::<ChainContract<Plain>>().methods.len(), 1);
}

#[test]
fn params_that_a_server_does_without_are_not_required() {
    let office = described::<OfficeContract>();
    let params: Vec<_> = method(&office, "office.find")
        .params
        .iter()
        .map(|param| (&*param.name, param.required, param.stream))
        .collect();
    let expected =
        [("from", false, false), ("type", true, false), ("limit", false, false), ("offset", false, false)];
    assert_eq!(params, expected);
    let words = &method(&office, "office.tail").params[0];
    assert_eq!(
        (words.required, words.stream, &words.schema.as_value()["type"]),
        (true, true, &json!("string"))
    );
}

#[test]
fn results_streams_and_subscriptions_have_schemas() {
    let office = described::<OfficeContract>();
    let Outcome::Result(shapes) = &method(&office, "office.find").outcome else { panic!("a result") };
    assert_eq!(shapes.as_value()["items"], json!({ "$ref": "#/components/schemas/Shape" }));
    assert!(matches!(method(&office, "log/line").outcome, Outcome::Notification));
    let Outcome::Stream(item) = &method(&office, "office.tail").outcome else { panic!("a stream") };
    assert_eq!(item.as_value(), &json!({ "$ref": "#/components/schemas/Shape" }));
    let Outcome::Subscription { notification, unsubscribe, .. } = &method(&office, "office.ticks").outcome
    else {
        panic!("a subscription")
    };
    assert_eq!((&**notification, &**unsubscribe), ("office.tick", "office.untick"));
    let build = method(&office, "office.build");
    let progress = build.progress.as_ref().expect("it reports").as_value();
    assert_eq!((build.params.len(), progress), (1, &json!({ "$ref": "#/components/schemas/Shape" })));
    let side = &office.schemas["Shape"].as_value()["oneOf"][1]["properties"]["h"]["anyOf"];
    assert_eq!(side[1], json!({ "type": "null" }), "{side}");
}

#[test]
fn errors_tell_their_codes_messages_and_data() {
    let office = described::<OfficeContract>();
    let errors = &method(&office, "office.tail").errors;
    assert_eq!(errors.iter().map(|error| &*error.name).collect::<Vec<_>>(), ["AreaError", "Gone"]);
    let cases: Vec<_> = errors[0].cases.iter().map(|case| (case.code, &*case.message)).collect();
    assert_eq!(cases, [(10, "`{field}` is negative, {}"), (-11, "Too large."), (12, "{0} {1}")]);
    let negative = errors[0].cases[0].data.as_ref().expect("it has data").as_value();
    assert_eq!(negative["required"], json!(["field", "in"]));
    assert_eq!(negative["properties"]["field"], json!({ "type": "string" }));
    let pair = errors[0].cases[2].data.as_ref().expect("it has data").as_value();
    assert_eq!((&pair["type"], pair["items"].as_array().map(Vec::len)), (&json!("array"), Some(2)));
    assert_eq!((&*errors[1].cases[0].message, &errors[1].cases[0].data), ("gone", &None));
    assert!(method(&office, "office.find").errors.is_empty());
}

fn contract() -> Contract {
    Contract::new("office", "1.2.3").serves::<OfficeContract>().calls::<PageContract>()
}

#[tokio::test]
async fn discover_answers_the_document_of_either_side() {
    let server = Router::new().discover(&contract());
    let page = Contract::new("page", "1").serves::<PageContract>();
    let (client, mut served) = Server::builder()
        .connect_in_memory(server, Client::builder().serve(Router::new().discover(&page)))
        .await
        .expect("it connects");
    let _ = &mut served;
    let expected: Value = serde_json::from_str(&contract().openrpc()).expect("it is JSON");
    for params in [json!([]), json!({})] {
        assert_eq!(client.peer().call::<Value>("rpc.discover", params).await, Ok(expected.clone()));
    }
    assert_eq!(client.peer().call::<Value>("rpc.discover", ()).await, Ok(expected));
}

#[tokio::test]
async fn a_server_asks_its_client_and_without_discover_gets_nothing() {
    let ask = |cx: Context, (): ()| async move {
        cx.peer().call::<Value>("rpc.discover", ()).await.map_err(CallError::relay)
    };
    let page = Contract::new("page", "1").serves::<PageContract>();
    for (served, expected) in [(Router::new().discover(&page), Some("page")), (Router::new(), None)] {
        let (client, _server) = Server::builder()
            .connect_in_memory(Router::new().method("ask", ask), Client::builder().serve(served))
            .await
            .expect("it connects");
        let document = client.peer().call::<Value>("ask", ()).await;
        match expected {
            Some(title) => assert_eq!(document.expect("it is served")["info"]["title"], title),
            None => assert!(
                matches!(document, Err(CallError::Method(e) | CallError::Rpc(e)) if e.code() == -32601)
            ),
        }
    }
}
