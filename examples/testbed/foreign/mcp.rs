//! Our host with a server of the MCP TypeScript SDK.

use std::error::Error;
use std::time::Duration;

use birpc::{CallError, Client, Dialect, ErrorObject, Progress, Router};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::checks::{Checks, SOON, mebibyte};
use crate::roles::{
    AgentClient, Host, HostServer, Implementation, OwnProgress, PROTOCOL_VERSION, Roots, Step, ToolResult,
};

/// The host. It has two roots and receives progress.
struct Editor {
    told: mpsc::UnboundedSender<OwnProgress>,
}

impl Host for Editor {
    async fn list_roots(&self, progress: Progress<Step>) -> Result<Roots, ErrorObject> {
        if progress.is_wanted() {
            for step in [1.0, 2.0] {
                progress.report(Step { progress: step, total: Some(2.0) });
                // The SDK drops progress that it reads together with the result.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(Roots { roots: vec![json!({"uri": "file:///a"}), json!({"uri": "file:///b"})] })
    }

    async fn progress(&self, token: Value, progress: f64, total: Option<f64>) {
        let _ = self.told.send(OwnProgress(token, progress, total)); // the checks may be over
    }
}

pub(crate) async fn run(url: &str, checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    let (told, mut heard) = mpsc::unbounded_channel();
    let host = Router::new().service(HostServer::new(Editor { told }));
    let builder =
        Client::builder().call_timeout(SOON).subprotocols(["mcp"]).dialect(Dialect::mcp()).serve(host);
    let client = builder.connect(url).await?;
    checks.equal("the subprotocol is agreed on", client.peer().subprotocol(), Some("mcp"));
    let agent: AgentClient = client.stub();

    let myself = Implementation { name: "interop".into(), version: "0".into() };
    let capabilities = json!({"roots": {}});
    let about = agent.initialize(PROTOCOL_VERSION.into(), capabilities, myself).await?;
    checks.equal("initialize", &*about.server_info.name, "interop");
    agent.initialized().await?;
    checks.equal("ping", agent.ping().await?, json!({}));

    let tools =
        agent.list_tools(None).await.map(|list| list.tools.iter().map(|tool| tool.name.clone()).collect());
    let names = ["echo", "slow", "cancelled", "roots", "steps", "asked", "fail"].map(String::from).to_vec();
    checks.equal("what is not given is left out", tools, Ok(names));
    let long = mebibyte();
    let echo = call(&agent, "echo", json!({"text": long})).await;
    checks.equal("1 MiB", echo, Ok(ToolResult::text(long)));
    let roots = futures_util::future::join_all((0..100).map(|_| call(&agent, "roots", json!({})))).await;
    checks.equal(
        "the server asks back, a hundred at once",
        roots.iter().filter(|roots| matches!(roots, Ok(roots) if roots.content[0].text == "2")).count(),
        100,
    );

    progress(&agent, checks).await?;
    // A token of the host's own: what it names comes as any notification does.
    let params = json!({"name": "steps", "arguments": {}, "_meta": {"progressToken": "mine"}});
    let stepped = client.peer().call("tools/call", params).await;
    checks.equal("a tool runs", stepped, Ok(ToolResult::text("stepped")));
    for step in [1.0, 2.0, 3.0] {
        let progress = tokio::time::timeout(SOON, heard.recv()).await?;
        let expected = OwnProgress(json!("mine"), step, Some(3.0));
        checks.equal("progress with a token of ours is a notification", progress, Some(expected));
    }
    errors_and_cancels(&agent, checks).await?;
    Ok(())
}

/// Progress of the server's calls, and of ours.
async fn progress(agent: &AgentClient, checks: &mut Checks) -> Result<(), CallError> {
    let (tell, mut told) = mpsc::unbounded_channel();
    let progress = Progress::to(move |step: Step| {
        let _ = tell.send(step.progress);
    });
    let steps = agent.call_tool("steps".into(), Some(json!({})), progress);
    checks.equal("a tool runs", steps.timeout_resets(SOON * 10).await, Ok(ToolResult::text("stepped")));
    let mut reports = Vec::new();
    while let Some(step) = told.recv().await {
        reports.push(step);
    }
    checks.equal("its progress is told", reports, vec![1.0, 2.0, 3.0]);
    let asked = call(agent, "asked", json!({})).await;
    checks.equal("the server hears of the host's progress", asked, Ok(ToolResult::text("1,2")));
    Ok(())
}

async fn errors_and_cancels(agent: &AgentClient, checks: &mut Checks) -> Result<(), CallError> {
    // The SDK also writes the code into the message.
    let expected = ErrorObject::new(7, "MCP error 7: the tool failed").with_data(&json!({"a": [1]}));
    checks.fails("an error with data", call(agent, "fail", json!({"data": {"a": [1]}})).await, expected);

    let cancelled = || async {
        let result = call(agent, "cancelled", json!({})).await?;
        Ok(result.content[0].text.parse().unwrap_or(0))
    };
    let before = cancelled().await?;
    let slow = agent
        .call_tool("slow".into(), Some(json!({})), Progress::none())
        .with_timeout(Duration::from_millis(50))
        .await;
    checks.equal("a call times out", slow, Err(CallError::TimedOut));
    checks.cancels_reach("notifications/cancelled stops the tool", before, cancelled).await;
    Ok(())
}

async fn call(agent: &AgentClient, tool: &str, arguments: Value) -> Result<ToolResult, CallError> {
    agent.call_tool(tool.into(), Some(arguments), Progress::none()).await
}
