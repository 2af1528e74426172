use super::super::{Marks, Sensitive};
use super::*;

static MARKS: Marks = Marks::new(&[
    Sensitive { method: "messages.read", params: &[], all_params: true, result: true },
    Sensitive { method: "messages.put", params: &[(1, "lines")], all_params: false, result: false },
]);

/// What a redactor shows of messages, each with the way that it goes.
fn shown(mut redactor: Redactor, messages: &[(Direction, &str)]) -> Vec<Option<String>> {
    MARKS.set();
    messages.iter().map(|(direction, text)| redactor.show(*direction, text.as_bytes(), 200)).collect()
}

fn both(messages: &[(Direction, &str)]) -> [Vec<Option<String>>; 2] {
    [shown(Redactor::default(), messages), shown(Redactor::late(), messages)]
}

use Direction::{Received, Sent};

const READ: &str = r#"{"jsonrpc":"2.0","method":"messages.read","params":[1],"id":7,"stream":[8,8]}"#;

#[test]
fn exactly_the_results_of_sensitive_methods_are_hidden() {
    let other = r#"{"jsonrpc":"2.0","method":"messages.other","id":7}"#;
    let reply = r#"{"jsonrpc":"2.0","id":7,"result":{"pin":1234}}"#;
    let hidden = r#"{"jsonrpc":"2.0","id":7,"result":"<hidden>"}"#;
    for shown in both(&[(Received, READ), (Sent, other), (Received, reply), (Sent, reply)]) {
        assert_eq!(shown[2].as_deref(), Some(reply), "the answer to the other side's request");
        assert_eq!(shown[3].as_deref(), Some(hidden));
    }
}

#[test]
fn items_progress_and_arguments_are_hidden_like_results_and_params() {
    let put = r#"{"jsonrpc":"2.0","method":"messages.put","params":["a",{"stream":1}],"id":8}"#;
    let item = r#"{"jsonrpc":"2.0","method":"rpc.item","params":[7,"hunter2"]}"#;
    let progress = r#"{"jsonrpc":"2.0","method":"rpc.progress","params":[7,"hunter2"]}"#;
    let push = r#"{"jsonrpc":"2.0","method":"rpc.push","params":[8,1,"hunter2"]}"#;
    let messages = [
        (Received, READ),
        (Received, put),
        (Sent, item),
        (Sent, progress),
        (Received, push),
        (Received, item),
    ];
    for shown in both(&messages) {
        for hidden in &shown[2..5] {
            assert!(hidden.as_ref().is_some_and(|text| !text.contains("hunter2")), "{hidden:?}");
        }
    }
    let [shown, _] = both(&messages);
    assert!(shown[5].as_ref().is_some_and(|text| text.contains("hunter2")), "an item that nobody asked for");
}

#[test]
fn a_late_redactor_hides_what_answers_requests_that_it_has_not_seen() {
    for message in [
        r#"{"jsonrpc":"2.0","id":7,"result":"hunter2"}"#,
        r#"[{"jsonrpc":"2.0","id":7,"result":"hunter2"}]"#,
        r#"{"jsonrpc":"2.0","method":"rpc.item","params":[7,"hunter2"]}"#,
        r#"{"jsonrpc":"2.0","method":"rpc.push","params":[7,1,"hunter2"]}"#,
        r#"{"jsonrpc":"2.0","method":"$/progress","params":{"token":"x","value":"hunter2"}}"#,
        r#"[{"jsonrpc":"2.0","method":7,"params":["hunter2"]}]"#,
    ] {
        let shown = shown(Redactor::late(), &[(Received, message)]);
        assert!(!shown[0].as_ref().expect("it is JSON-RPC").contains("hunter2"), "{shown:?}");
    }
}

#[test]
fn a_late_redactor_keeps_nothing_of_what_is_not_json_rpc() {
    for message in
        ["hunter2", r#"{"jsonrpc":"2.0","id":1,"method":"a","params":["hunter2"]"#, "[]", "{}", "\"x\""]
    {
        assert_eq!(shown(Redactor::late(), &[(Received, message)]), [None], "{message}");
        assert!(shown(Redactor::default(), &[(Received, message)])[0].is_some(), "{message}");
    }
}

#[test]
fn a_second_request_with_the_same_id_does_not_uncover_the_first() {
    let again = r#"{"jsonrpc":"2.0","method":"messages.other","id":7}"#;
    let refused = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"Invalid Request"}}"#;
    let reply = r#"{"jsonrpc":"2.0","id":7,"result":"hunter2"}"#;
    for shown in both(&[(Received, READ), (Received, again), (Sent, refused), (Sent, reply)]) {
        assert!(!shown[3].as_ref().is_some_and(|text| text.contains("hunter2")), "{shown:?}");
    }
}

#[test]
fn with_too_many_requests_to_remember_all_results_are_hidden() {
    MARKS.set();
    let mut redactor = Redactor::default();
    for id in 0..=MAX_REMEMBERED {
        let request = READ.replace("7", &id.to_string());
        redactor.show(Received, request.as_bytes(), 100);
    }
    assert_eq!(redactor.requests.as_ref().map(|requests| requests.received.len()), Some(MAX_REMEMBERED));
    let reply = br#"{"jsonrpc":"2.0","id":null,"result":"hunter2"}"#;
    assert!(redactor.show(Sent, reply, 100).is_some_and(|text| !text.contains("hunter2")));
}
