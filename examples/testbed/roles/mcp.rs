//! The tools of the Model Context Protocol: the server offers them, and calls its host back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use birpc::{Context, ErrorObject, Progress, rpc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) const PROTOCOL_VERSION: &str = "2025-06-18";

/// The methods that a host (the client) calls. Params are sent by name, and missing ones are omitted.
#[rpc(params = "named")]
pub(crate) trait Agent {
    async fn initialize(
        &self,
        #[rpc(name = "protocolVersion")] protocol_version: String,
        capabilities: Value,
        #[rpc(name = "clientInfo")] client_info: Implementation,
    ) -> Result<Initialized, ErrorObject>;
    #[rpc(name = "notifications/initialized", notification)]
    async fn initialized(&self);
    async fn ping(&self) -> Result<Value, ErrorObject>;
    #[rpc(name = "tools/list")]
    async fn list_tools(&self, cursor: Option<String>) -> Result<ToolList, ErrorObject>;
    #[rpc(name = "tools/call")]
    async fn call_tool(
        &self,
        cx: &Context,
        name: String,
        arguments: Option<Value>,
        progress: Progress<Step>,
    ) -> Result<ToolResult, ErrorObject>;
}

/// The methods that a server calls.
#[rpc(params = "named")]
pub(crate) trait Host {
    #[rpc(name = "roots/list")]
    async fn list_roots(&self, progress: Progress<Step>) -> Result<Roots, ErrorObject>;
    /// Progress of calls whose token the host has chosen itself.
    #[rpc(name = "notifications/progress", notification)]
    async fn progress(&self, #[rpc(name = "progressToken")] token: Value, progress: f64, total: Option<f64>);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Implementation {
    pub(crate) name: String,
    pub(crate) version: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Initialized {
    pub(crate) protocol_version: String,
    pub(crate) capabilities: Value,
    pub(crate) server_info: Implementation,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ToolList {
    pub(crate) tools: Vec<Tool>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) input_schema: Value,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ToolResult {
    pub(crate) content: Vec<Content>,
}

/// Text only: `{"type": "text", "text": …}`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Content {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) text: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Roots {
    pub(crate) roots: Vec<Value>,
}

/// How far a call is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) progress: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<f64>,
}

/// Progress with a token that the host has chosen itself.
#[derive(Debug, PartialEq)]
pub(crate) struct OwnProgress(pub(crate) Value, pub(crate) f64, pub(crate) Option<f64>);

impl ToolResult {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { content: vec![Content { kind: "text".into(), text: text.into() }] }
    }
}

/// The server: `echo`, `sleep`, `roots` (asks the host), `steps` (reports its progress), `asked` (tells what
/// the host reports) and `fail`.
pub(crate) struct Tools;

impl Agent for Tools {
    async fn initialize(
        &self,
        protocol_version: String,
        _capabilities: Value,
        _client_info: Implementation,
    ) -> Result<Initialized, ErrorObject> {
        let server_info = Implementation { name: "birpc's testbed".into(), version: "0".into() };
        Ok(Initialized { protocol_version, capabilities: json!({"tools": {}}), server_info })
    }

    async fn initialized(&self) {}

    async fn ping(&self) -> Result<Value, ErrorObject> {
        Ok(json!({}))
    }

    async fn list_tools(&self, cursor: Option<String>) -> Result<ToolList, ErrorObject> {
        if let Some(cursor) = cursor {
            return Err(ErrorObject::new(-32000, format!("no page `{cursor}`")));
        }
        let tool = |name: &str| Tool { name: name.into(), input_schema: json!({"type": "object"}) };
        Ok(ToolList { tools: ["echo", "sleep", "roots", "steps", "asked", "fail"].map(tool).into() })
    }

    async fn call_tool(
        &self,
        cx: &Context,
        name: String,
        arguments: Option<Value>,
        progress: Progress<Step>,
    ) -> Result<ToolResult, ErrorObject> {
        let argument = |name: &str| arguments.as_ref().map_or(Value::Null, |given| given[name].clone());
        let host: HostClient = cx.stub();
        match &*name {
            "echo" => Ok(ToolResult::text(argument("text").as_str().unwrap_or_default())),
            "sleep" => {
                tokio::time::sleep(Duration::from_millis(argument("ms").as_u64().unwrap_or(0))).await;
                Ok(ToolResult::text("slept"))
            }
            "roots" => Ok(ToolResult::text(host.list_roots(Progress::none()).await?.roots.len().to_string())),
            "steps" => {
                let steps = argument("steps").as_u64().unwrap_or(3) as u32;
                let pause = Duration::from_millis(argument("ms").as_u64().unwrap_or(20));
                for step in 1..=steps {
                    progress.report(Step { progress: step.into(), total: Some(steps.into()) });
                    // The TypeScript SDK drops progress that it reads together with the result.
                    tokio::time::sleep(pause).await;
                }
                Ok(ToolResult::text("stepped"))
            }
            "asked" => {
                let reports = Arc::new(Mutex::new(Vec::new()));
                let heard = reports.clone();
                let progress = Progress::to(move |step: Step| {
                    heard.lock().unwrap_or_else(PoisonError::into_inner).push(step.progress.to_string());
                });
                host.list_roots(progress).await?;
                let reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(ToolResult::text(reports.join(",")))
            }
            "fail" => Err(ErrorObject::new(7, "the tool failed").with_data(&argument("data"))),
            other => Err(ErrorObject::new(-32000, format!("no tool `{other}`"))),
        }
    }
}
