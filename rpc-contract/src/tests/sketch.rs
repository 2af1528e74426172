//! A contract with something of each kind.

use serde_json::{Value, json};

use crate::{Contract, ErrorType, Method, Outcome, Param, Schema, Service, Style};

pub(super) fn schema(value: Value) -> Schema {
    Schema::from(value)
}

fn integer() -> Schema {
    schema(json!({ "type": "integer", "format": "int64" }))
}

pub(super) fn text() -> Schema {
    schema(json!({ "type": "string" }))
}

fn optional(name: &str, schema: Schema) -> Param {
    Param { required: false, ..Param::new(name, schema) }
}

fn shape() -> Schema {
    schema(json!({
        "description": "A shape, in the plane.",
        "oneOf": [
            {
                "type": "object",
                "description": "A circle.",
                "properties": { "kind": { "type": "string", "const": "circle" }, "r": { "type": "number" } },
                "required": ["kind", "r"],
            },
            {
                "type": "object",
                "properties": {
                    "kind": { "type": "string", "const": "rect" },
                    "w": { "type": "number" },
                    "name": { "type": ["string", "null"], "description": "Ends */ early." },
                },
                "required": ["kind", "w"],
            },
        ],
    }))
}

pub(super) fn sketch() -> Service {
    let mut service = Service::new("Sketch");
    service.docs = "What the sketch does.".into();
    service.schemas.insert("Shape".into(), shape());
    let area_error = ErrorType::new("AreaError")
        .with(
            10,
            "`{field}` is negative",
            Some(schema(json!({
                "type": "object", "properties": { "field": { "type": "string" } }, "required": ["field"],
            }))),
        )
        .with(11, "too large", None);
    let mut area = Method::new("area", "area", Outcome::Result(schema(json!({ "type": "number" }))));
    area.docs = "The area of a shape.\n\nIn square units.".into();
    area.params = vec![Param::new("shape", Schema::reference("Shape"))];
    area.errors = vec![area_error];
    let mut sum = Method::new("sum", "sum", Outcome::Result(integer()));
    sum.params = vec![Param { stream: true, ..Param::new("numbers", integer()) }];
    sum.deprecated = true;
    let mut count = Method::new("count", "count", Outcome::Stream(integer()));
    count.params = vec![
        optional("from", schema(json!({ "type": ["integer", "null"] }))),
        Param::new("to", integer()),
        optional("step_ms", schema(json!({ "type": ["integer", "null"] }))),
    ];
    let mut build = Method::new("doc/build", "build", Outcome::Result(Schema::from(json!(true))));
    build.progress = Some(integer());
    build.idempotent = true;
    build.style = Style::Named;
    build.params = vec![Param::new("in", schema(json!(true)))];
    let mut log = Method::new("log", "log", Outcome::Notification);
    log.params = vec![Param::new("line", text())];
    service.methods = vec![sum, area, count, build, log];
    service
}

fn page() -> Service {
    let mut service = Service::new("Page");
    let mut confirm =
        Method::new("page.confirm", "confirm", Outcome::Result(schema(json!({ "type": "boolean" }))));
    confirm.params = vec![Param::new("question", text()), optional("default", text())];
    let said = Method::new("page.said", "said", Outcome::Notification);
    let reload = Method::new("page.reload", "reload", Outcome::Result(Schema::null()));
    let feed = Method::new("page.feed", "feed", Outcome::Stream(integer()));
    service.methods = vec![confirm, said, feed, reload];
    service
}

pub(super) fn contract() -> Contract {
    Contract::new("sketch", "0.1.0").with_served(sketch()).with_called(page())
}
