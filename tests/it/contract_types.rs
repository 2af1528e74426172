//! Types of all kinds that serde knows, as documents tell them. The documents are kept in `tests/contract`,
//! where `cargo xtask contract` gives them to the judges.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use birpc::{Contract, ErrorObject, Progress, RpcError, Streaming, rpc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

/// Refers to itself, in a box, a list and a map.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Tree {
    left: Option<Box<Tree>>,
    more: Vec<Tree>,
    named: BTreeMap<String, Tree>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Page_of_{T}")]
struct Page<T> {
    items: Vec<T>,
    next: Option<u64>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Head {
    id: u64,
    #[serde(default)]
    note: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Flat {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    kind: Internal,
    own: bool,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Open {
    own: bool,
    #[serde(flatten)]
    rest: HashMap<String, f64>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Closed {
    own: bool,
}

#[derive(Serialize, Deserialize, JsonSchema)]
enum External {
    Unit,
    Newtype(u32),
    Tuple(u8, String),
    Struct { a: Option<i8>, r#type: char },
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
enum Internal {
    Unit,
    Newtype(Head),
    Struct { a: u8 },
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "t", content = "c", rename_all = "snake_case")]
enum Adjacent {
    NoBytes,
    Bytes(Vec<u8>),
    First { a: u8 },
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Untagged {
    Number(f64),
    Text(String),
    Many(Vec<Untagged>),
    Object { a: Option<bool> },
}

/// Ends a comment */ export const x = `${1}`; // and "quotes" \ <!--
#[derive(Serialize, Deserialize, JsonSchema)]
struct Odd {
    /** A block, `code`, */
    #[serde(rename = "__proto__")]
    proto: u8,
    #[serde(rename = "a-b c\"d\\e\nf*/")]
    name: u8,
    #[serde(rename = "class")]
    class: u8,
    #[serde(rename = "1st")]
    first: u8,
    #[serde(rename = "größe")]
    size: u8,
    #[serde(rename = "")]
    empty: u8,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Numbers {
    byte: u8,
    word: i32,
    unsigned: u32,
    long: u64,
    huge: i128,
    float: f32,
    never_zero: std::num::NonZeroU16,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Collections {
    by_number: BTreeMap<u32, String>,
    by_letter: BTreeMap<char, Head>,
    set: BTreeSet<String>,
    pair: (u8, String),
    four: [u8; 4],
    unit: (),
    maybe: Option<Option<u8>>,
    raw: Box<RawValue>,
    any: Value,
    object: serde_json::Map<String, Value>,
    took: Duration,
    result: Result<u8, String>,
    #[schemars(with = "String", extend("format" = "date-time"))]
    at: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Delete(String);

#[derive(Serialize, Deserialize, JsonSchema)]
struct Unit;

/// Another type of this name.
mod other {
    #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    pub(super) struct Head {
        pub(super) other: bool,
    }
}

/// A type named as what is generated for the trait.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ZooClient")]
struct Named(u8);

#[derive(Debug, thiserror::Error, RpcError)]
#[rpc(schema)]
enum ZooError {
    #[error("`{}` */ is $ too ${{long}}", name)]
    #[rpc(code = 1)]
    Long { name: String, r#in: Option<u8> },
    #[error("none")]
    #[rpc(code = -5)]
    None,
    #[error("{0}, {1}")]
    #[rpc(code = 3)]
    Two(u8, String),
}

#[derive(Debug, thiserror::Error, RpcError)]
#[error("lost")]
#[rpc(code = 4, schema)]
struct Lost(u64);

type Answer<T> = Result<T, ErrorObject>;

/// Types */ of all kinds.
#[rpc(namespace = "zoo", schema)]
trait Zoo {
    async fn tree(&self, tree: Tree) -> Answer<Tree>;
    async fn pages(&self, heads: Page<Head>, others: Page<other::Head>) -> Answer<Page<Page<String>>>;
    async fn flat(&self, flat: Flat, open: Open, closed: Closed) -> Answer<Flat>;
    async fn enums(&self, a: External, b: Internal, c: Adjacent, d: Untagged) -> Answer<External>;
    /// Ends */ early.
    ///
    /// `${x}`
    async fn odd(&self, odd: Odd, delete: Delete) -> Result<Odd, ZooError>;
    async fn numbers(&self, numbers: Numbers, long: u64, huge: i128) -> Answer<u64>;
    async fn collections(&self, collections: Collections) -> Answer<Option<Collections>>;
    #[rpc(name = "__proto__")]
    async fn proto(
        &self,
        #[rpc(name = "new")] new: u8,
        #[rpc(name = "a-b")] first: u8,
        #[rpc(name = "a_b")] second: u8,
        options: Option<u8>,
    ) -> Answer<()>;
    #[deprecated]
    async fn r#delete(&self, unit: Unit, client: Named) -> Answer<Unit>;
    #[rpc(params = "single", sensitive)]
    async fn login(&self, head: Head) -> Answer<bool>;
    async fn unlock(&self, id: u64, #[rpc(sensitive)] password: String) -> Answer<bool>;
    #[rpc(params = "named", idempotent)]
    async fn find(&self, from: Option<u64>, text: String, most: Option<u32>) -> Result<Vec<Head>, Lost>;
    async fn feed(&self, heads: Streaming<Head>) -> Result<Streaming<Internal, Lost>, ZooError>;
    #[rpc(subscription(notify = "event", unsubscribe = "unwatch"))]
    async fn watch(&self, what: Option<String>) -> Answer<Streaming<Untagged>>;
    async fn build(&self, steps: u32, progress: Progress<Head>) -> Answer<()>;
    #[rpc(notification)]
    async fn wave(&self, at: Vec<Untagged>);
    #[rpc(hidden)]
    async fn secret(&self) -> Answer<()>;
    async fn then(&self) -> Answer<()>;
}

/// A trait that both sides have.
#[rpc(namespace = "keeper", separator = "/", schema)]
trait Keeper {
    /// Asks.
    async fn ask(&self, question: Option<Head>, why: String) -> Result<Untagged, Lost>;
    async fn steps(&self, progress: Progress<u8>) -> Answer<Streaming<Tree>>;
    #[rpc(notification)]
    async fn told(&self);
}

fn contract() -> Contract {
    Contract::new("zoo */\n// `${x}`", "1.0.0")
        .description("Animals */ of all kinds.")
        .serves::<ZooContract>()
        .serves::<KeeperContract>()
        .calls::<KeeperContract>()
}

/// Compares a text with a file, or writes it if `UPDATE` is 1.
fn assert_kept(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract").join(file);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&path, text).expect("a writable folder");
    }
    let kept = std::fs::read_to_string(&path).expect("it is kept").replace("\r\n", "\n");
    assert!(kept == text, "{file} is not current: run this with UPDATE=1, then read `git diff`");
}

#[test]
fn documents_of_all_kinds_of_types_are_as_they_were() {
    let contract = contract();
    assert_kept("zoo.openrpc.json", &contract.openrpc());
    assert_kept("zoo.asyncapi.json", &contract.asyncapi());
    contract.assert_typescript(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/contract/zoo.ts"));
}

#[test]
fn a_document_that_is_read_back_gives_the_same_documents() {
    let contract = contract();
    let read = Contract::from_openrpc(&contract.openrpc_compact()).expect("birpc wrote it");
    assert_eq!(read.openrpc(), contract.openrpc());
    assert_eq!(read.asyncapi(), contract.asyncapi());
    assert_eq!(read.typescript(), contract.typescript());
}

#[test]
fn types_of_one_name_are_told() {
    let numbered = contract().numbered_types().into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(numbered, ["Head2", "Page_of_Head2"]);
}

#[test]
fn what_is_sensitive_is_marked() {
    let document: Value = serde_json::from_str(&contract().openrpc()).expect("it is JSON");
    let mut marked = Vec::new();
    for method in document["methods"].as_array().expect("a list") {
        let name = method["name"].as_str().expect("a text");
        if method["x-sensitive"] == true {
            marked.push((name, None));
        }
        let params = method["params"].as_array().expect("a list");
        let params = params.iter().filter(|param| param["x-sensitive"] == true);
        marked.extend(params.map(|param| (name, param["name"].as_str())));
    }
    assert_eq!(marked, [("zoo.login", None), ("zoo.unlock", Some("password"))]);
}

#[test]
fn a_hidden_method_is_in_no_document() {
    let contract = contract();
    for text in [contract.openrpc(), contract.asyncapi(), contract.typescript()] {
        assert!(!text.contains("secret"));
    }
}
