//! Our editor with a server based on vscode-languageserver-protocol and vscode-ws-jsonrpc.

use std::error::Error;
use std::time::Duration;

use birpc::{CallError, Client, Dialect, ErrorObject, Progress, Router};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::checks::{Checks, SOON, a_hundred_sums, mebibyte};
use crate::roles::{
    Choice, Command, Diagnostics, Document, Hover, HoverParams, LanguageClient, LanguageClientServer,
    LanguageServerClient, Markup, Opened, Position, ShowMessageRequest, WorkDone,
};

/// The editor. Its user always chooses the last action, after some thought.
struct Editor {
    told: mpsc::UnboundedSender<Diagnostics>,
}

impl LanguageClient for Editor {
    async fn show_message(
        &self,
        message: ShowMessageRequest,
        progress: Progress<WorkDone>,
    ) -> Result<Option<Choice>, ErrorObject> {
        if progress.is_wanted() {
            for percentage in [30, 60] {
                progress.report(WorkDone::Report { percentage });
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(message.actions.last().cloned())
    }

    async fn diagnostics(&self, diagnostics: Diagnostics) {
        let _ = self.told.send(diagnostics); // the checks may be over
    }
}

pub(crate) async fn run(url: &str, checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    let (told, mut heard) = mpsc::unbounded_channel();
    let editor = Router::new().service(LanguageClientServer::new(Editor { told }));
    let client =
        Client::builder().call_timeout(SOON).dialect(Dialect::lsp()).serve(editor).connect(url).await?;
    let server: LanguageServerClient = client.stub();

    let about = server.initialize(json!({"processId": null, "rootUri": null, "capabilities": {}})).await?;
    checks.equal("initialize", &about["capabilities"]["hoverProvider"], &Value::Bool(true));
    server.initialized(json!({})).await?;
    server.opened(Opened { text_document: document(Some("odd")) }).await?;
    let diagnostics = tokio::time::timeout(SOON, heard.recv()).await?;
    let expected = Diagnostics { uri: document(None).uri, diagnostics: vec![json!({"message": "odd"})] };
    checks.equal("the server notifies", diagnostics, Some(expected));

    let contents = Markup { kind: "plaintext".into(), value: "long".into() };
    checks.equal("the server asks back", server.hover(at(1)).await?, Some(Hover { contents }));
    checks.equal("a result of null", server.hover(at(99)).await?, None);
    let hovers = (0..100).map(|_| server.hover(at(1)));
    let hovers = futures_util::future::join_all(hovers).await;
    checks.equal("a hundred calls back at once", hovers.iter().filter(|hover| hover.is_ok()).count(), 100);

    progress(&server, checks).await?;
    calls(&client, checks).await?;
    server.shutdown().await?;
    server.exit().await?;
    let reason = tokio::time::timeout(SOON, client.closed()).await?;
    checks.equal("exit closes", reason.code, 1000);
    Ok(())
}

/// Progress of the server's calls, and of ours.
async fn progress(server: &LanguageServerClient, checks: &mut Checks) -> Result<(), CallError> {
    let (tell, mut told) = mpsc::unbounded_channel();
    let progress = Progress::to(move |step: WorkDone| drop(tell.send(step)));
    let command = |command: &str| Command { command: command.into() };
    let built = server.execute(command("build"), progress).timeout_resets(SOON * 10);
    checks.equal("a command runs", built.await?, json!("built"));
    let mut reports = Vec::new();
    while let Some(step) = told.recv().await {
        reports.push(step);
    }
    let expected =
        [WorkDone::Begin { title: "building".into() }, WorkDone::Report { percentage: 50 }, WorkDone::End];
    checks.equal("its progress is told", reports, expected.into());
    let silent = server.execute(command("build"), Progress::none()).await?;
    checks.equal("without a token nothing is told", silent, json!("built"));
    let asked = server.execute(command("ask"), Progress::none()).await?;
    checks.equal("the server hears of the editor's progress", asked, json!([30, 60]));
    Ok(())
}

/// Checks that are the same under every protocol, and cancelling.
async fn calls(client: &Client, checks: &mut Checks) -> Result<(), CallError> {
    let peer = client.peer();
    checks.equal("params by position", peer.call::<i64>("add", (1, 2)).await?, 3);
    checks.equal("a hundred calls at once", a_hundred_sums(peer).await?, (1..=100).collect());
    let long = mebibyte();
    checks.equal("1 MiB", peer.call::<String>("echo", [&long]).await?, long);
    let failed = peer.call::<Value>("fail", (7, "seven", json!({"a": [1]}))).await;
    checks.fails("an error with data", failed, ErrorObject::new(7, "seven").with_data(&json!({"a": [1]})));
    checks.refused("an unknown method", peer.call::<Value>("noSuchMethod", ()).await, -32601);

    let cancelled = || peer.call::<u64>("cancelled", ());
    let before = cancelled().await?;
    let slow = peer.call::<Value>("slow", ()).with_timeout(Duration::from_millis(50)).await;
    checks.equal("a call times out", slow, Err(CallError::TimedOut));
    checks.cancels_reach("$/cancelRequest stops its handler", before, cancelled).await;
    Ok(())
}

fn document(text: Option<&str>) -> Document {
    let [language_id, text] =
        ["plaintext", text.unwrap_or_default()].map(|part| text.map(|_| part.to_owned()));
    Document { uri: "file:///a.txt".into(), language_id, version: text.as_ref().map(|_| 1), text }
}

fn at(line: u32) -> HoverParams {
    HoverParams { text_document: document(None), position: Position { line, character: 0 } }
}
