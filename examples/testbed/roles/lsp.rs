//! The part of the Language Server Protocol that an editor needs to open a document and to look at a word.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use birpc::{Context, ErrorObject, Progress, rpc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The methods that an editor calls. Params are one object each, so the parameter is `"single"`.
#[rpc]
pub(crate) trait LanguageServer {
    #[rpc(params = "single")]
    async fn initialize(&self, capabilities: Value) -> Result<Value, ErrorObject>;
    #[rpc(notification, params = "single")]
    async fn initialized(&self, nothing: Value);
    #[rpc(name = "textDocument/didOpen", notification, params = "single")]
    async fn opened(&self, cx: &Context, opened: Opened);
    #[rpc(name = "textDocument/hover", params = "single")]
    async fn hover(&self, cx: &Context, at: HoverParams) -> Result<Option<Hover>, ErrorObject>;
    #[rpc(name = "workspace/executeCommand", params = "single")]
    async fn execute(
        &self,
        cx: &Context,
        command: Command,
        progress: Progress<WorkDone>,
    ) -> Result<Value, ErrorObject>;
    async fn shutdown(&self) -> Result<(), ErrorObject>;
    #[rpc(notification)]
    async fn exit(&self, cx: &Context);
}

/// The methods that a language server calls.
#[rpc]
pub(crate) trait LanguageClient {
    #[rpc(name = "window/showMessageRequest", params = "single")]
    async fn show_message(
        &self,
        message: ShowMessageRequest,
        progress: Progress<WorkDone>,
    ) -> Result<Option<Choice>, ErrorObject>;
    #[rpc(name = "textDocument/publishDiagnostics", notification, params = "single")]
    async fn diagnostics(&self, diagnostics: Diagnostics);
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Command {
    pub(crate) command: String,
}

/// How far a command is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(crate) enum WorkDone {
    Begin { title: String },
    Report { percentage: u32 },
    End,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Opened {
    pub(crate) text_document: Document,
}

/// The common fields of `TextDocumentItem` and `TextDocumentIdentifier`, and those that the former adds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    pub(crate) uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) language_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) character: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HoverParams {
    pub(crate) text_document: Document,
    pub(crate) position: Position,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hover {
    pub(crate) contents: Markup,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Markup {
    pub(crate) kind: String,
    pub(crate) value: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ShowMessageRequest {
    /// 1 is an error, 4 a log line.
    #[serde(rename = "type")]
    pub(crate) kind: u8,
    pub(crate) message: String,
    pub(crate) actions: Vec<Choice>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Choice {
    pub(crate) title: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Diagnostics {
    pub(crate) uri: String,
    pub(crate) diagnostics: Vec<Value>,
}

/// The language server.
pub(crate) struct Documents;

impl LanguageServer for Documents {
    async fn initialize(&self, _capabilities: Value) -> Result<Value, ErrorObject> {
        Ok(json!({"capabilities": {"hoverProvider": true, "textDocumentSync": 1}}))
    }

    async fn initialized(&self, _nothing: Value) {}

    /// Reports a problem in the document's first line.
    async fn opened(&self, cx: &Context, opened: Opened) {
        let start = Position { line: 0, character: 0 };
        let range = json!({"start": start, "end": start});
        let diagnostics = vec![json!({"range": range, "message": "this looks odd"})];
        let client: LanguageClientClient = cx.stub();
        // An error means that the editor has disconnected.
        let _ = client.diagnostics(Diagnostics { uri: opened.text_document.uri, diagnostics }).await;
    }

    /// Asks the user what to show. Line 99 has nothing to show.
    async fn hover(&self, cx: &Context, at: HoverParams) -> Result<Option<Hover>, ErrorObject> {
        if at.position.line == 99 {
            return Ok(None);
        }
        let client: LanguageClientClient = cx.stub();
        let actions = vec![Choice { title: "short".into() }, Choice { title: "long".into() }];
        let question = ShowMessageRequest { kind: 3, message: "how much?".into(), actions };
        let choice = client.show_message(question, Progress::none()).await?;
        let value = choice.map_or_else(|| "nothing".into(), |choice| choice.title);
        Ok(Some(Hover { contents: Markup { kind: "plaintext".into(), value } }))
    }

    /// `build` takes its time, and reports. `ask` tells what the user's side reports meanwhile.
    async fn execute(
        &self,
        cx: &Context,
        command: Command,
        progress: Progress<WorkDone>,
    ) -> Result<Value, ErrorObject> {
        match &*command.command {
            "build" => {
                progress.report(WorkDone::Begin { title: "building".into() });
                for percentage in [25, 50, 75] {
                    progress.report(WorkDone::Report { percentage });
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                progress.report(WorkDone::End);
                Ok(json!("built"))
            }
            "ask" => {
                let reports = Arc::new(Mutex::new(Vec::new()));
                let heard = reports.clone();
                let progress = Progress::to(move |step: WorkDone| {
                    heard.lock().unwrap_or_else(PoisonError::into_inner).push(step);
                });
                let client: LanguageClientClient = cx.stub();
                let question = ShowMessageRequest { kind: 3, message: "well?".into(), actions: Vec::new() };
                client.show_message(question, progress).await?;
                let reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(json!(*reports))
            }
            other => Err(ErrorObject::new(-32000, format!("no command `{other}`"))),
        }
    }

    async fn shutdown(&self) -> Result<(), ErrorObject> {
        Ok(())
    }

    async fn exit(&self, cx: &Context) {
        // The code and the empty reason can be sent.
        let _ = cx.peer().close(1000, "");
    }
}
