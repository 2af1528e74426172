//! What the documents of a contract say, and that they do not depend on more than the contract.

mod reading;
mod sketch;

use serde_json::{Value, json};

use crate::{Contract, Method, Outcome, Param, Schema, Service, Style};
use sketch::{contract, schema, sketch, text};

fn openrpc(contract: &Contract) -> Value {
    serde_json::from_str(&contract.openrpc()).expect("it is JSON")
}

fn method<'d>(document: &'d Value, name: &str) -> &'d Value {
    let methods = document["methods"].as_array().expect("a list");
    methods.iter().find(|method| method["name"] == name).expect("it is described")
}

/// Every schema of a document, those inside of others too.
fn each_schema(value: &Value, f: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let is_map = ["schemas", "properties", "x-errors"].contains(&key.as_str());
                let is_one =
                    ["schema", "item", "items", "x-progress", "additionalProperties"].contains(&key.as_str());
                match value {
                    Value::Object(children) if is_map => children.values().for_each(&mut *f),
                    Value::Array(children) if ["anyOf", "oneOf", "allOf"].contains(&key.as_str()) => {
                        children.iter().for_each(&mut *f);
                    }
                    one if is_one && !one.is_array() => f(one),
                    _ => {}
                }
                each_schema(value, f);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| each_schema(value, f)),
        _ => {}
    }
}

#[test]
fn methods_are_sorted_and_those_of_the_peer_stand_apart() {
    let document = openrpc(&contract());
    let names = |methods: &Value| -> Vec<String> {
        let methods = methods.as_array().expect("a list");
        methods.iter().map(|method| method["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(&document["methods"]), ["area", "count", "doc/build", "log", "sum"]);
    assert_eq!(
        names(&document["x-client"]["methods"]),
        ["page.confirm", "page.feed", "page.reload", "page.said"]
    );
    assert_eq!(document["info"], json!({ "title": "sketch", "version": "0.1.0" }));
    assert!(document.get("servers").is_none());
    let alone = Contract::new("sketch", "0.1.0").with_served(sketch()).url("wss://example.org/rpc");
    assert!(openrpc(&alone).get("x-client").is_none());
    assert_eq!(openrpc(&alone)["servers"][0]["url"], "wss://example.org/rpc");
}

#[test]
fn a_method_tells_its_docs_errors_streams_and_progress() {
    let document = openrpc(&contract());
    let area = method(&document, "area");
    assert_eq!(area["summary"], "The area of a shape.");
    assert_eq!(area["description"], "The area of a shape.\n\nIn square units.");
    assert_eq!(
        area["errors"],
        json!([{ "code": 10, "message": "`{field}` is negative" }, { "code": 11, "message": "too large" }])
    );
    assert_eq!(area["x-errors"]["10"]["properties"]["field"]["type"], "string");
    assert!(area["x-errors"].get("11").is_none());
    assert!(method(&document, "log").get("result").is_none());
    let sum = method(&document, "sum");
    assert_eq!(
        (&sum["deprecated"], &sum["params"][0]["x-stream"]["item"]["type"]),
        (&json!(true), &json!("integer"))
    );
    let count = method(&document, "count");
    assert_eq!(
        (&count["result"]["schema"]["type"], &count["x-stream"]["item"]["type"]),
        (&json!("null"), &json!("integer"))
    );
    let build = method(&document, "doc/build");
    assert_eq!((&build["x-progress"]["type"], &build["x-idempotent"]), (&json!("integer"), &json!(true)));
}

#[test]
fn only_params_at_the_end_are_optional() {
    let document = openrpc(&contract());
    let params = method(&document, "count")["params"].as_array().expect("a list").clone();
    let required: Vec<_> = params.iter().map(|param| param["required"].clone()).collect();
    assert_eq!(required, [json!(true), json!(true), json!(false)]);
    assert_eq!(params[0]["schema"]["anyOf"][1]["type"], "null");
}

#[test]
fn every_schema_has_a_title_and_none_twice_for_different_types() {
    let document = openrpc(&contract());
    let mut titles = std::collections::BTreeMap::new();
    each_schema(&document, &mut |schema| {
        if schema.get("$ref").is_some() {
            return;
        }
        let title = schema["title"].as_str().unwrap_or_else(|| panic!("{schema} has no title")).to_owned();
        let known = titles.entry(title).or_insert_with(|| schema.clone());
        assert_eq!(known, schema);
    });
    // The name that generators give to a method.
    assert!(!titles.contains_key("Sum") && !titles.contains_key("Area"));
    assert!(titles.contains_key("Shape") && titles.contains_key("ShapeCircleR"), "{:?}", titles.keys());
}

#[test]
fn schemas_have_no_spelling_on_which_tools_fail() {
    let value = schema(json!({
        "$schema": "x",
        "type": ["object", "null"],
        "title": "T",
        "properties": {
            "any": true,
            "none": false,
            "several": { "type": ["string", "null"], "enum": ["a", null] },
        },
        "additionalProperties": false,
    }));
    let expected = json!({
        "title": "T",
        "anyOf": [
            {
                "type": "object",
                "properties": {
                    "any": {},
                    "none": { "not": {} },
                    "several": { "anyOf": [{ "type": "string", "enum": ["a"] }, { "type": "null" }] },
                },
                "additionalProperties": false,
            },
            { "type": "null" },
        ],
    });
    assert_eq!(value.as_value(), &expected);
    assert_eq!(Schema::any().as_value(), &json!({}));
}

#[test]
fn a_single_param_is_described_by_its_members() {
    let mut service = sketch();
    service.schemas.insert(
        "Point".into(),
        schema(json!({
            "type": "object",
            "properties": { "x": { "type": "integer" }, "a": { "type": "integer" } },
            "required": ["x"],
        })),
    );
    let mut plot = Method::new("plot", "plot", Outcome::Result(Schema::null()));
    plot.style = Style::Single;
    plot.params = vec![Param::new("point", Schema::reference("Point"))];
    service.methods = vec![plot];
    let document = openrpc(&Contract::new("c", "1").with_served(service));
    let plot = method(&document, "plot");
    assert_eq!((&plot["paramStructure"], &plot["x-param"]), (&json!("by-name"), &json!("single")));
    let params = plot["params"].as_array().expect("a list");
    let shown: Vec<_> =
        params.iter().map(|param| (param["name"].as_str(), param["required"].as_bool())).collect();
    assert_eq!(shown, [(Some("x"), Some(true)), (Some("a"), Some(false))]);
}

#[test]
fn types_of_one_name_get_numbers_and_are_told() {
    let of = |trait_name: &str, field: &str| {
        let mut service = Service::new(trait_name);
        service.schemas.insert(
            "Person".into(),
            schema(json!({
                "type": "object", "properties": { field: { "type": "string" } }, "required": [field],
            })),
        );
        service.schemas.insert(
            "Couple".into(),
            schema(json!({ "type": "array", "items": { "$ref": "#/components/schemas/Person" } })),
        );
        let name = trait_name.to_lowercase();
        service.methods = vec![Method::new(&name, &name, Outcome::Result(Schema::reference("Couple")))];
        service
    };
    let contract = Contract::new("c", "1").with_served(of("A", "x")).with_served(of("B", "y"));
    assert_eq!(contract.schemas().keys().collect::<Vec<_>>(), ["Couple", "Couple2", "Person", "Person2"]);
    assert_eq!(contract.numbered_types(), ["Couple2", "Person2"]);
    let document = openrpc(&contract);
    assert_eq!(method(&document, "a")["result"]["schema"]["$ref"], "#/components/schemas/Couple");
    assert_eq!(method(&document, "b")["result"]["schema"]["$ref"], "#/components/schemas/Couple2");
    assert_eq!(document["components"]["schemas"]["Couple2"]["items"]["$ref"], "#/components/schemas/Person2");
    let same = Contract::new("c", "1").with_served(of("A", "x")).with_called(of("B", "x"));
    assert_eq!((same.schemas().len(), same.numbered_types().len()), (2, 0));
}

#[test]
fn a_nested_service_has_other_names_on_the_wire_alone() {
    let mut service = sketch();
    let (notification, unsubscribe) = ("tick".to_owned(), "untick".to_owned());
    let ticks = Outcome::Subscription { item: text(), notification, unsubscribe };
    service.methods = vec![Method::new("ticks", "ticks", ticks)];
    let contract = Contract::new("c", "1").with_served(service.nested("v1."));
    let ticks = &openrpc(&contract)["methods"][0];
    assert_eq!(ticks["name"], "v1.ticks");
    let stream = &ticks["x-stream"];
    assert_eq!((&stream["notification"], &stream["unsubscribe"]), (&json!("v1.tick"), &json!("v1.untick")));
    assert!(contract.typescript().contains("    ticks: { name: \"v1.ticks\", params: [], stream: true },"));
}

#[test]
fn asyncapi_pairs_requests_with_replies() {
    let document: Value = serde_json::from_str(&contract().asyncapi()).expect("it is JSON");
    let operations = document["operations"].as_object().expect("an object");
    let names: Vec<_> = operations.keys().collect();
    assert_eq!(
        names,
        [
            "receive.area",
            "receive.count",
            "receive.doc/build",
            "receive.log",
            "receive.sum",
            "send.page.confirm",
            "send.page.feed",
            "send.page.reload",
            "send.page.said",
        ]
    );
    assert!(operations["receive.log"].get("reply").is_none());
    let reference = operations["receive.doc/build"]["messages"][0]["$ref"].as_str().expect("a reference");
    assert_eq!(reference, "#/channels/connection/messages/receive.doc~1build.request");
    assert!(document.pointer(&reference[1..]).is_some());
    let request = &document["channels"]["connection"]["messages"]["receive.area.request"];
    assert_eq!(request["payload"]["properties"]["method"], json!({ "const": "area" }));
    assert_eq!(request["correlationId"]["location"], "$message.payload#/id");
    let reply = &document["channels"]["connection"]["messages"]["receive.area.reply"]["payload"]["oneOf"];
    assert_eq!(reply.as_array().expect("a list").len(), 4);
    assert_eq!(reply[1]["properties"]["error"]["properties"]["code"], json!({ "const": 10 }));
}

// Run this with UPDATE=1 after a change that is meant, and read the difference.
#[test]
fn documents_are_as_they_were() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests");
    let contract = contract();
    contract.assert_typescript(format!("{folder}/sketch.ts"));
    for (name, text) in [("openrpc", contract.openrpc()), ("asyncapi", contract.asyncapi())] {
        let path = format!("{folder}/sketch.{name}.json");
        if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
            std::fs::write(&path, &text).expect("a writable folder");
        }
        assert!(std::fs::read_to_string(&path).expect("it is there").replace("\r\n", "\n") == text, "{path}");
    }
    let compact: Value = serde_json::from_str(&contract.openrpc_compact()).expect("it is JSON");
    assert_eq!(compact, openrpc(&contract));
    assert!(!contract.openrpc_compact().contains('\n'));
}

#[test]
fn names_that_typescript_reserves_are_changed() {
    let mut service = Service::new("Delete");
    for name in ["Promise", "birpc", "Wrapper_for_String", "9a"] {
        service.schemas.insert(name.into(), text());
    }
    let mut odd = Method::new("__proto__", "__proto__", Outcome::Result(Schema::reference("Promise")));
    odd.params = vec![Param::new("new", text()), Param::new("options", text()), Param::new("a-b", text())];
    service.methods = vec![odd];
    let text = Contract::new("c\n", "1").with_served(service).typescript();
    for part in [
        "of c 1. Do not",
        "export type Promise_ = string;",
        "export type birpc_ = string;",
        "export type _9a = string;",
        "__proto__(new_: string, options: string, a_b: string, options_?: birpc.CallOptions): Promise<Pro",
        "export const delete_: birpc.Table<DeleteClient>",
        "[\"__proto__\"]: { name: \"__proto__\", params: [\"new\", \"options\", \"a-b\"] },",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn a_contract_is_a_value_that_serde_keeps() {
    let text = serde_json::to_string(&contract()).expect("it serialises");
    let read: Contract = serde_json::from_str(&text).expect("it deserialises");
    assert_eq!(read, contract());
}
