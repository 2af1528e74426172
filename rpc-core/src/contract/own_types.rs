//! Schemas of birpc's own types, which methods may take and return.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::groups::{GlobalId, Meta, PresenceEvent};
use crate::message::ErrorObject;
use crate::peer::PeerId;

impl JsonSchema for ErrorObject {
    fn schema_name() -> Cow<'static, str> {
        "ErrorObject".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema(json!({
            "type": "object",
            "description": "An error of JSON-RPC.",
            "properties": { "code": { "type": "integer" }, "message": { "type": "string" }, "data": {} },
            "required": ["code", "message"],
        }))
    }
}

impl JsonSchema for PeerId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PeerId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema(json!({ "type": "integer", "format": "uint64", "minimum": 0 }))
    }
}

impl JsonSchema for GlobalId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "GlobalId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema(json!({ "type": "string" }))
    }
}

impl JsonSchema for Meta {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Meta".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema(json!({}))
    }
}

impl JsonSchema for PresenceEvent {
    fn schema_name() -> Cow<'static, str> {
        "PresenceEvent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let metas = json!({ "type": "array", "items": {} });
        let event = |name: &str, value: &Value| {
            json!({
                "type": "object", "properties": { name: value }, "required": [name],
                "additionalProperties": false,
            })
        };
        let of_key = json!({
            "type": "object",
            "properties": { "key": { "type": "string" }, "metas": metas },
            "required": ["key", "metas"],
        });
        let state = json!({ "type": "object", "additionalProperties": metas });
        let of_keys = ["joined", "updated", "left"].map(|name| event(name, &of_key));
        let events: Vec<_> = [event("state", &state)].into_iter().chain(of_keys).collect();
        schema(json!({ "description": "A change of a group's presence.", "oneOf": events }))
    }
}

fn schema(value: Value) -> Schema {
    Schema::try_from(value).unwrap_or_default()
}
