//! Schemas of birpc's own types, which methods may take and return.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

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

fn schema(value: Value) -> Schema {
    Schema::try_from(value).unwrap_or_default()
}
