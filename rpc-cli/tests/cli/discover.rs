//! `birpc discover` and `generate`.

use birpc::{Contract, Router, Server};

use super::servers::{Implementation, ServiceContract, ServiceServer, Serving};
use super::support::{Folder, run, run_with};

fn contract() -> Contract {
    Contract::new("service", "1.2.3").serves::<ServiceContract>()
}

async fn described() -> Serving {
    let router = Router::new().service(ServiceServer::new(Implementation)).discover(&contract());
    Serving::of(Server::builder(), router).await
}

#[tokio::test]
async fn the_document_is_printed_as_the_server_writes_it() {
    let server = described().await;
    let ended = run(&["discover", &server.url]).await;
    assert_eq!(ended.parts(), (Some(0), &*format!("{}\n", contract().openrpc_compact()), ""));
}

#[tokio::test]
async fn the_methods_are_listed_without_a_terminal_too() {
    let server = described().await;
    let ended = run_with(&["repl", &server.url], ".methods\nadd 1 2\n").await;
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert!(lines.iter().any(|line| line.starts_with("add a:integer b:integer")), "{lines:?}");
    assert_eq!(lines.last(), Some(&"3"), "after the methods");
    let server = Serving::start().await;
    let ended = run_with(&["repl", &server.url], ".methods\n").await;
    let says = "the server does not describe its methods (rpc.discover)\n";
    assert_eq!(ended.parts(), (Some(0), "", says));
}

#[tokio::test]
async fn other_forms_are_those_that_the_server_itself_would_write() {
    let server = described().await;
    let ended = run(&["discover", &server.url, "--ts"]).await;
    assert_eq!(ended.parts(), (Some(0), &*format!("{}\n", contract().typescript().trim_end()), ""));
    let ended = run(&["discover", &server.url, "--asyncapi"]).await;
    assert_eq!(ended.parts(), (Some(0), &*format!("{}\n", contract().asyncapi().trim_end()), ""));
    assert_eq!(run(&["discover", &server.url, "--asyncapi", "--ts"]).await.code, Some(64));
}

#[tokio::test]
async fn code_is_generated_from_a_server_a_file_or_standard_input() {
    let server = described().await;
    let folder = Folder::new();
    let document = folder.write("openrpc.json", contract().openrpc());
    let out = folder.file("api.ts");
    let expected = format!("{}\n", contract().typescript().trim_end());
    assert_eq!(run(&["generate", "ts", &server.url]).await.parts(), (Some(0), &*expected, ""));
    assert_eq!(run(&["generate", "ts", &document]).await.parts(), (Some(0), &*expected, ""));
    let from_stdin = run_with(&["generate", "ts", "-"], &contract().openrpc_compact()).await;
    assert_eq!(from_stdin.parts(), (Some(0), &*expected, ""));
    assert_eq!(run(&["generate", "ts", &document, "--out", &out]).await.parts(), (Some(0), "", ""));
    assert_eq!(std::fs::read_to_string(out).expect("it is written"), expected);
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let server = Serving::start().await;
    let ended = run(&["discover", &server.url]).await;
    assert_eq!((ended.code, &*ended.stdout), (Some(2), ""));
    assert!(ended.stderr.starts_with("{\"code\":-32601,"), "{}", ended.stderr);
    let folder = Folder::new();
    let rubbish = folder.write("rubbish.json", "{\"methods\": 7}");
    for (source, code) in [(&*rubbish, 2), ("/nonexistent", 74), (&*folder.write("text", "hello"), 2)] {
        let ended = run(&["generate", "ts", source]).await;
        assert_eq!((ended.code, &*ended.stdout), (Some(code), ""), "{}", ended.stderr);
        assert!(ended.stderr.contains(source), "{}", ended.stderr);
    }
    let ended = run_with(&["generate", "ts", "-"], "{}").await;
    assert!(ended.stderr.contains("the document of `standard input` cannot be used"), "{}", ended.stderr);
    assert_eq!(run(&["generate", "cobol", &rubbish]).await.code, Some(64));
}
