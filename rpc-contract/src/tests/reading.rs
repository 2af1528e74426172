//! OpenRPC documents that are read: birpc's own, those of other servers, and those that are none.

use serde_json::{Value, json};

use super::sketch::{contract, sketch, text};
use crate::{Contract, Method, Outcome, Param, Schema, Style};

fn read(document: &Value) -> Result<Contract, String> {
    Contract::from_openrpc(&document.to_string()).map_err(|error| error.to_string())
}

/// What OpenRPC itself has no words for.
fn unusual() -> Contract {
    let mut service = sketch();
    let mut login = Method::new("log_in", "login", Outcome::Result(Schema::null()));
    login.style = Style::Single;
    login.sensitive = true;
    login.params = vec![Param::new("who", Schema::reference("Login"))];
    service.schemas.insert(
        "Login".into(),
        Schema::from(json!({ "type": "object", "properties": { "name": { "type": "string" } } })),
    );
    let mut unlock = Method::new("door:unlock", "unlock", Outcome::Result(Schema::null()));
    unlock.params = vec![Param { sensitive: true, ..Param::new("pin", text()) }];
    unlock.docs = "Ends */ early.".into();
    let (notification, unsubscribe) = ("tick".to_owned(), "untick".to_owned());
    let ticks = Outcome::Subscription { item: text(), notification, unsubscribe };
    service.methods.extend([login, unlock, Method::new("ticks", "ticks", ticks)]);
    let contract = contract().with_served(service).with_called(sketch());
    contract.description("About it.").url("wss://example.org/rpc")
}

#[test]
fn what_birpc_wrote_gives_the_same_documents() {
    for contract in [contract(), unusual(), Contract::new("empty", "1")] {
        for document in [contract.openrpc(), contract.openrpc_compact()] {
            let read = Contract::from_openrpc(&document).expect("birpc wrote it");
            assert_eq!(read.openrpc(), contract.openrpc());
            assert_eq!(read.asyncapi(), contract.asyncapi());
            assert_eq!(read.typescript(), contract.typescript());
        }
    }
}

/// A document of another server, which uses references wherever it may.
fn foreign() -> Value {
    json!({
        "openrpc": "1.2.6",
        "info": { "title": "Some chain", "version": "2" },
        "servers": [{ "url": "http://localhost:8545" }, { "name": "broken" }],
        "methods": [
            {
                "name": "eth.getBlock",
                "tags": [{ "$ref": "#/components/tags/blocks" }],
                "summary": "A block.",
                "description": "By its number.",
                "params": [{ "$ref": "#/components/contentDescriptors/number" }],
                "result": { "name": "block", "schema": { "$ref": "#/components/schemas/Block" } },
                "errors": [{ "$ref": "#/components/errors/none" }, { "code": 7, "message": "gone" }],
            },
            { "name": "net.getBlock", "tags": [{ "name": "Blocks" }], "params": [], "result": {
                "name": "block", "schema": true,
            } },
            { "name": "stop", "paramStructure": "by-name", "params": [
                { "name": "why", "schema": { "type": ["string", "null"] } },
            ] },
        ],
        "components": {
            "tags": { "blocks": { "name": "Blocks", "description": "All of blocks." } },
            "contentDescriptors": {
                "number": { "$ref": "#/components/contentDescriptors/integer" },
                "integer": { "name": "number", "required": true, "schema": { "type": "integer" } },
            },
            "schemas": { "Block": { "type": "object", "properties": {
                "parent": { "$ref": "#/components/schemas/Block" },
                "elsewhere": { "$ref": "https://example.org/schema.json" },
            } } },
            "errors": { "none": { "code": -3, "message": "no such block" } },
        },
    })
}

#[test]
fn documents_of_other_servers_are_read() {
    let contract = read(&foreign()).expect("it is one");
    let names: Vec<_> = contract.served().iter().map(|service| &*service.name).collect();
    assert_eq!(names, ["Blocks", "Some chain"]);
    let blocks = &contract.served()[0];
    assert_eq!(blocks.docs, "All of blocks.");
    let functions: Vec<_> = blocks.methods.iter().map(|method| &*method.function).collect();
    assert_eq!(functions, ["getBlock", "net.getBlock"]);
    let block = &blocks.methods[0];
    assert_eq!(block.docs, "A block.\n\nBy its number.");
    assert_eq!((&*block.params[0].name, block.params[0].required), ("number", true));
    assert_eq!(block.errors[0].name, "EthGetBlockError");
    let codes: Vec<_> = block.errors[0].cases.iter().map(|case| (case.code, &*case.message)).collect();
    assert_eq!(codes, [(-3, "no such block"), (7, "gone")]);
    let stop = &contract.served()[1].methods[0];
    assert_eq!((stop.style, &stop.outcome), (Style::Named, &Outcome::Notification));
    let typescript = contract.typescript();
    for part in [
        "export const blocks: birpc.Table<BlocksClient>",
        "export const someChain: birpc.Table<SomeChainClient>",
        "getBlock(number: number, options?: birpc.CallOptions): Promise<Block>;",
        "\"net.getBlock\"(options?: birpc.CallOptions): Promise<unknown>;",
        "export const isEthGetBlockError",
        "elsewhere?: unknown;",
    ] {
        assert!(typescript.contains(part), "{part} is not in\n{typescript}");
    }
}

#[test]
fn what_is_no_document_is_refused_with_the_place() {
    let with = |pointer: &str, value: Value| {
        let mut document = foreign();
        *document.pointer_mut(pointer).expect("it is there") = value;
        read(&document).expect_err("it is broken")
    };
    for (error, expected) in [
        (read(&json!(null)), "it has no member `openrpc` with a version 1.x"),
        (read(&json!({ "openrpc": "2.0.0" })), "it has no member `openrpc` with a version 1.x"),
        (read(&json!({ "openrpc": "1.3.2" })), "in `info`: invalid type: null"),
        (Err(with("/methods", json!({}))), "`methods` is no list"),
        (Err(with("/methods/0/name", json!(1))), "in `methods[0]`: invalid type: integer `1`"),
        (Err(with("/methods/1/result", json!({ "name": "r" }))), "in `methods[1]`: missing field `schema`"),
        (Err(with("/methods/0/errors/1/code", json!("x"))), "in `methods[0]`: invalid type: string \"x\""),
        (
            // A reference that leads to itself.
            Err(with(
                "/components/contentDescriptors/integer",
                json!({ "$ref": "#/components/contentDescriptors/number" }),
            )),
            "in `methods[0]`: missing field `schema`",
        ),
    ] {
        let error = error.expect_err("it is none");
        assert!(error.starts_with(&format!("this is no OpenRPC document: {expected}")), "{error}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Contract::from_openrpc(&deep).is_err());
    assert!(Contract::from_openrpc("").is_err());
}

/// Ends comments and texts, and runs a statement, wherever it is not quoted.
const EVIL: &str = "*/ `${globalThis.broken = 1}` \" ' \\ \n;globalThis.broken = 1;\u{2028}//<!--";

/// A document that has it at each place where a server may put a text.
fn hostile() -> Value {
    let reference = json!({ "$ref": format!("#/components/schemas/{EVIL}") });
    let choice = json!({ "description": EVIL, "enum": [EVIL, 1, null] });
    let properties = json!({ EVIL: choice, "__proto__": { "const": EVIL } });
    let object = json!({ "title": EVIL, "description": EVIL, "type": "object", "properties": properties });
    let param = json!({ "name": EVIL, "required": true, "schema": { "description": EVIL, "type": EVIL } });
    let method = |name: &str, more: Value| {
        let mut method = json!({
            "name": name,
            "tags": [{ "name": EVIL, "description": EVIL }],
            "summary": EVIL,
            "description": EVIL,
            "params": [param, param],
            "result": { "name": EVIL, "schema": reference },
            "errors": [{ "code": 1, "message": EVIL }],
            "x-errors": { "1": { "const": EVIL } },
            "x-error-types": { EVIL: [1] },
            "x-progress": { "pattern": EVIL, "items": [{ "const": EVIL }], "type": "array" },
        });
        let more = more.as_object().expect("an object").clone();
        method.as_object_mut().expect("an object").extend(more);
        method
    };
    let methods = json!([
        method(EVIL, json!({})),
        method("a", json!({ "x-function": EVIL, "x-stream": { "item": reference } })),
        method("b", json!({ "x-stream": { "item": object, "notification": EVIL, "unsubscribe": EVIL } })),
        method("__proto__", json!({ "x-param": EVIL })),
        method("then", json!({ "params": [], "result": null })),
    ]);
    json!({
        "openrpc": "1.3.2",
        "info": { "title": EVIL, "version": EVIL, "description": EVIL },
        "methods": methods,
        "x-client": { "methods": methods },
        "components": { "schemas": { EVIL: object, "a b": reference, "constructor": object } },
    })
}

// `cargo xtask contract` compiles and runs the file.
#[test]
fn a_hostile_document_puts_nothing_but_names_and_comments_into_the_module() {
    let contract = read(&hostile()).expect("it is a document");
    contract.assert_typescript(concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/hostile.ts"));
    for text in [contract.openrpc(), contract.asyncapi()] {
        assert!(serde_json::from_str::<Value>(&text).is_ok());
    }
}

/// The pointers to all values inside of this one.
fn pointers(value: &Value, place: &str, found: &mut Vec<String>) {
    let mut child = |name: &str, child: &Value| {
        let place = format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
        pointers(child, &place, found);
        found.push(place);
    };
    match value {
        Value::Array(list) => list.iter().enumerate().for_each(|(index, it)| child(&index.to_string(), it)),
        Value::Object(members) => members.iter().for_each(|(name, it)| child(name, it)),
        _ => {}
    }
}

#[test]
fn no_value_at_any_place_of_a_document_makes_the_reader_or_a_writer_panic() {
    let values = [json!(null), json!(true), json!(-1), json!(""), json!([{}]), json!({ "$ref": "#" })];
    let mut one_method = hostile();
    one_method["methods"] = json!([hostile()["methods"][1]]);
    one_method["x-client"] = json!({ "methods": [] });
    for document in [foreign(), one_method] {
        let mut places = Vec::new();
        pointers(&document, "", &mut places);
        let mut read_some = 0;
        for place in &places {
            for value in &values {
                let mut changed = document.clone();
                *changed.pointer_mut(place).expect("it is there") = value.clone();
                let Ok(contract) = read(&changed) else { continue };
                read_some += 1;
                let again = Contract::from_openrpc(&contract.openrpc()).expect("birpc wrote it");
                assert_eq!(again.asyncapi().is_empty(), contract.typescript().is_empty());
            }
        }
        assert!(read_some > places.len(), "{read_some} of {}", places.len());
    }
}

fn document_of(methods: Value) -> Value {
    json!({ "openrpc": "1.3.2", "info": { "title": "t", "version": "1" }, "methods": methods })
}

#[test]
fn what_is_referred_to_again_and_again_is_copied_only_so_often() {
    let large = "x".repeat(100_000);
    let types: Vec<_> = (0..1_000).map(|index| (index.to_string(), json!([1]))).collect();
    let by_types = json!({
        "name": "a", "params": [], "errors": [{ "code": 1, "message": large }],
        "x-error-types": Value::Object(types.into_iter().collect()),
    });
    let by_references = vec![json!({ "$ref": "#/components/large" }); 1_000];
    for methods in [json!([by_types]), json!(by_references)] {
        let mut document = document_of(methods);
        document["components"]["large"] = json!({ "name": large, "params": [] });
        let error = read(&document).expect_err("it would be 100 MB");
        assert!(error.ends_with("the document refers too often to what is large"), "{error}");
    }
}

/// Each of these makes a writer slow, or its text large, if it compares or copies too much.
#[test]
fn documents_that_repeat_themselves_cost_no_more_than_their_size() {
    let many = |value: Value| Value::from(vec![value; 5_000]);
    let param = json!({ "name": "a", "schema": { "title": "T" } });
    let named = |index: usize| json!({ "title": "T", "const": index });
    let numbered: Vec<_> = (0..5_000).map(named).collect();
    let types = json!(["object", "array", "string", "null", "number", "boolean", "integer"]);
    let nested = (0..30).fold(
        json!({}),
        |inner, _| json!({ "type": types, "properties": { "a": inner }, "items": {}, "enum": [1, "a"] }),
    );
    let arrays = (0..40).fold(
        json!({ "type": "string" }),
        |inner, _| json!({ "type": "array", "items": inner, "minItems": 16, "maxItems": 16 }),
    );
    let members = (0..1_000).map(|index| (index.to_string(), json!({}))).collect();
    let long_names =
        json!({ "properties": { "x".repeat(10_000): { "properties": Value::Object(members) } } });
    let with = |params: Value, schema: Value| {
        let result = json!({ "schema": schema });
        json!({ "name": "a", "params": params, "result": result })
    };
    let documents = [
        many(with(json!([]), json!({}))),
        json!([with(many(param), json!({}))]),
        json!([with(json!([]), json!({ "anyOf": numbered }))]),
        json!([with(json!([]), json!({ "enum": many(json!("a")) }))]),
        json!([with(json!([]), nested)]),
        json!([with(json!([]), arrays)]),
        json!([with(json!([]), long_names)]),
    ];
    for methods in documents {
        let document = document_of(methods);
        let contract = read(&document).expect("it is one");
        let size = document.to_string().len();
        for text in [contract.typescript(), contract.openrpc_compact(), contract.asyncapi()] {
            assert!(text.len() < 100 * size + 10_000, "{} of {size}", text.len());
        }
    }
}
