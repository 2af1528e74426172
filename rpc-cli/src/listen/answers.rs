//! Answers of the user to calls of the server.

use std::collections::HashMap;
use std::process::Stdio;

use birpc::{ErrorCode, ErrorObject, RawValue};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::output;
use crate::params;
use crate::process::Group;

pub(super) struct Answers {
    constant: HashMap<String, Box<RawValue>>,
    command: Option<String>,
    /// The largest answer of the command, in bytes.
    largest: usize,
}

/// Parses `METHOD=JSON`.
pub(super) fn constant(text: &str) -> Result<(String, Box<RawValue>), String> {
    let (method, json) = text.split_once('=').ok_or("write METHOD=JSON")?;
    let answer = serde_json::from_str(json.trim());
    let answer = answer.map_err(|error| format!("the answer to `{method}` is not JSON: {error}: {json}"))?;
    Ok((method.to_owned(), answer))
}

impl Answers {
    pub(super) fn new(
        constant: Vec<(String, Box<RawValue>)>,
        command: Option<String>,
        largest: usize,
    ) -> Self {
        Self { constant: constant.into_iter().collect(), command, largest }
    }

    /// The answer to a call: the constant one of its method, else what the command prints, else -32601.
    pub(super) async fn answer(
        &self,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<Box<RawValue>, ErrorObject> {
        match (self.constant.get(method), &self.command) {
            (Some(answer), _) => Ok(answer.clone()),
            (None, Some(command)) => self.run(command, method, params).await.map_err(|why| {
                output::note(&format!("birpc: no answer to `{method}`: {why}"));
                ErrorObject::new(ErrorCode::Internal.number(), "the command that answers has failed")
            }),
            (None, None) => Err(unknown(method)),
        }
    }

    /// Runs the command, and reads what it prints. If the call is cancelled, the command is killed.
    async fn run(
        &self,
        command: &str,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<Box<RawValue>, String> {
        let mut command_line = shell(command);
        command_line.env("BIRPC_METHOD", method).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Group::spawn(&mut command_line)
            .map_err(|error| format!("`{command}` cannot be started: {error}"))?;
        let printed = self.exchange(&mut child, params.map_or("", RawValue::get)).await?;
        let status = child.wait().await.map_err(|error| error.to_string())?;
        if !status.success() {
            return Err(format!("`{command}` ended with {status}"));
        }
        params::parse(&printed, "what the command prints", command)
            .map_err(|failure| failure.text().unwrap_or_default().to_owned())
    }

    /// Writes the params and reads the answer at once, since the command may print before it has read all.
    async fn exchange(&self, child: &mut Group, params: &str) -> Result<String, String> {
        let pipes = child.take_pipes();
        let (mut stdin, stdout) = pipes.ok_or("it has no standard input or output")?;
        let (mut printed, largest) = (Vec::new(), self.largest as u64);
        let writing = async move {
            // A command may answer without reading.
            let _ = stdin.write_all(params.as_bytes()).await;
        };
        let mut stdout = stdout.take(largest + 1);
        let ((), read) = tokio::join!(writing, stdout.read_to_end(&mut printed));
        read.map_err(|error| error.to_string())?;
        if printed.len() as u64 > largest {
            return Err(format!("it has more than {largest} bytes (--max-message)"));
        }
        String::from_utf8(printed).map_err(|_| "it is not UTF-8".into())
    }
}

#[cfg(unix)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command);
    shell
}

#[cfg(not(unix))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.arg("/C").arg(command);
    shell
}

/// The error of the framework for a method that is not served.
fn unknown(method: &str) -> ErrorObject {
    let data = json!({"kind": ErrorCode::MethodNotFound.kind(), "method": method});
    ErrorObject::new(ErrorCode::MethodNotFound.number(), "Method not found").with_data(&data)
}
