//! Our host with a server of the MCP TypeScript SDK.

use std::error::Error;
use std::time::Duration;

use birpc::{CallError, Client, Dialect, ErrorObject, Router};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::checks::{Checks, SOON, mebibyte};
use crate::roles::{
    AgentClient, Host, HostServer, Implementation, PROTOCOL_VERSION, Progress, Roots, ToolResult,
};

/// The host. It has two roots and receives progress.
struct Editor {
    told: mpsc::UnboundedSender<Progress>,
}

impl Host for Editor {
    async fn list_roots(&self) -> Result<Roots, ErrorObject> {
        Ok(Roots { roots: vec![json!({"uri": "file:///a"}), json!({"uri": "file:///b"})] })
    }

    async fn progress(&self, token: Value, progress: f64, total: Option<f64>) {
        let _ = self.told.send(Progress(token, progress, total)); // the checks may be over
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
    let names = ["echo", "slow", "cancelled", "roots", "steps", "fail"].map(String::from).to_vec();
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

    let meta = Some(json!({"progressToken": "mine"}));
    let stepped = agent.call_tool("steps".into(), Some(json!({})), meta).await;
    checks.equal("a tool runs", stepped, Ok(ToolResult::text("stepped")));
    for step in [1.0, 2.0, 3.0] {
        let progress = tokio::time::timeout(SOON, heard.recv()).await?;
        checks.equal("its progress is told", progress, Some(Progress(json!("mine"), step, None)));
    }
    errors_and_cancels(&agent, checks).await?;
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
    let slow =
        agent.call_tool("slow".into(), Some(json!({})), None).with_timeout(Duration::from_millis(50)).await;
    checks.equal("a call times out", slow, Err(CallError::TimedOut));
    checks.cancels_reach("notifications/cancelled stops the tool", before, cancelled).await;
    Ok(())
}

async fn call(agent: &AgentClient, tool: &str, arguments: Value) -> Result<ToolResult, CallError> {
    agent.call_tool(tool.into(), Some(arguments), None).await
}
