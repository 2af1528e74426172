use proptest::prelude::*;

use super::*;
use crate::message::{Decoded, Incoming, Version, decode};

/// The word, written as `name id …`; "malformed" and "other" as such.
fn parse(method: &str, params: &str) -> String {
    match Word::parse(method, Some(params)) {
        ParsedWord::Word(word) => shown(word),
        ParsedWord::Malformed => "malformed".into(),
        ParsedWord::Other => "other".into(),
    }
}

fn shown(word: Word<'_>) -> String {
    let items = |items: Elements<'_>| items.collect::<Vec<_>>().join("|");
    match word {
        Word::Item { id, items: all } => format!("item {id}: {}", items(all)),
        Word::More { id, total } => format!("more {id} {} {}", total.items, total.bytes),
        Word::Push { id, stream, items: all } => format!("push {id} {stream}: {}", items(all)),
        Word::Done { id, stream, error } => format!("done {id} {stream} {}", error.unwrap_or("-")),
        Word::Want { id, stream, total } => format!("want {id} {stream} {} {}", total.items, total.bytes),
        Word::Stop { id, stream } => format!("stop {id} {stream}"),
        Word::Allow { total } => format!("allow {} {}", total.items, total.bytes),
    }
}

/// What a peer reads from the text of a word.
fn read_back(text: &[u8]) -> String {
    let Decoded::One(Incoming::Notification { method, params }) = decode(text, 1, Version::Required) else {
        panic!("{} is no notification", String::from_utf8_lossy(text));
    };
    parse(&method, params.unwrap_or("missing"))
}

#[test]
fn each_word_is_read() {
    assert_eq!(parse("rpc.item", "[7]"), "item 7: ");
    assert_eq!(
        parse("rpc.item", r#"[ "a" , "line 1",{"b": [2]} , null ]"#),
        r#"item "a": "line 1"|{"b": [2]}|null"#
    );
    assert_eq!(parse("rpc.more", "[7,96,393216]"), "more 7 96 393216");
    assert_eq!(parse("rpc.push", "[8,65535]"), "push 8 65535: ");
    assert_eq!(parse("rpc.push", "[8,1,[],[[]]]"), "push 8 1: []|[[]]");
    assert_eq!(parse("rpc.done", "[8,1]"), "done 8 1 -");
    assert_eq!(parse("rpc.done", r#"[8,1,{"code":7}]"#), r#"done 8 1 {"code":7}"#);
    assert_eq!(parse("rpc.done", "[8,1,null]"), "done 8 1 null");
    assert_eq!(parse("rpc.want", r#"["8",0,16,16384]"#), r#"want "8" 0 16 16384"#);
    assert_eq!(parse("rpc.stop", "[8,1]"), "stop 8 1");
    assert_eq!(parse("rpc.allow", "[1024,1048576]"), "allow 1024 1048576");
}

#[test]
fn totals_saturate() {
    let most = u64::MAX;
    assert_eq!(parse("rpc.more", "[1,0,18446744073709551615]"), format!("more 1 0 {most}"));
    assert_eq!(parse("rpc.more", "[1,18446744073709551616,0]"), format!("more 1 {most} 0"));
    let huge = "9".repeat(400);
    assert_eq!(parse("rpc.allow", &format!("[{huge},{huge}]")), format!("allow {most} {most}"));
}

#[test]
fn malformed_words_are_told_from_others() {
    for (method, params) in [
        ("rpc.item", "[]"),
        ("rpc.item", "[null,1]"),
        ("rpc.item", "[true]"),
        ("rpc.item", "[[7],1]"),
        ("rpc.item", r#"{"id":7}"#),
        ("rpc.more", "[7]"),
        ("rpc.more", "[7,1]"),
        ("rpc.more", "[7,1,2,3]"),
        ("rpc.more", "[7,-1,2]"),
        ("rpc.more", "[7,1.0,2]"),
        ("rpc.more", "[7,1e3,2]"),
        ("rpc.more", r#"[7,"1",2]"#),
        ("rpc.more", "[7,null,2]"),
        ("rpc.push", "[7]"),
        ("rpc.push", "[7,65536,1]"),
        ("rpc.push", "[7,-0,1]"),
        ("rpc.push", r#"[7,"1",1]"#),
        ("rpc.done", "[7]"),
        ("rpc.done", "[7,1,{},2]"),
        ("rpc.want", "[7,1,2]"),
        ("rpc.stop", "[7]"),
        ("rpc.stop", "[7,1,2]"),
        ("rpc.allow", "[1]"),
        ("rpc.allow", "[1,2,3]"),
    ] {
        assert_eq!(parse(method, params), "malformed", "{method} {params}");
    }
    assert!(matches!(Word::parse("rpc.item", None), ParsedWord::Malformed));
    for method in ["rpc.cancel", "rpc.", "rpc.items", "item", "RPC.item", "rpc.ping", "log.rpc.item"] {
        assert_eq!(parse(method, "[7,1]"), "other", "{method}");
    }
}

#[test]
fn words_are_written_as_they_are_read() {
    let (id, total) = (Id::from_json("\"a\"").expect("an id"), Totals { items: 96, bytes: u64::MAX });
    assert_eq!(read_back(&WordText::more(7, total)), format!("more 7 96 {}", u64::MAX));
    assert_eq!(read_back(&WordText::want(&id, 2, total)), format!("want \"a\" 2 96 {}", u64::MAX));
    assert_eq!(read_back(&WordText::stop(&id, 2)), "stop \"a\" 2");
    assert_eq!(read_back(&WordText::allow(total)), format!("allow 96 {}", u64::MAX));
    assert_eq!(read_back(&WordText::item(&id).finish()), "item \"a\": ");
    assert_eq!(read_back(&WordText::done(7, 1).finish()), "done 7 1 -");
    let mut push = WordText::push(7, 1);
    assert_eq!(push.value(&"é").expect("it serialises"), 4);
    assert_eq!(push.value(&[1, 2]).expect("it serialises"), 5);
    let (expected, text) = (push.len(), push.finish());
    assert_eq!((read_back(&text), text.len()), ("push 7 1: \"é\"|[1,2]".into(), expected));
}

#[test]
fn an_item_that_does_not_serialise_leaves_nothing() {
    let mut item = WordText::item(&Id::number(7));
    item.value(&1).expect("it serialises");
    item.value(&vec![f64::NAN]).expect_err("not a number is no JSON");
    item.value(&2).expect("it serialises");
    assert_eq!(read_back(&item.finish()), "item 7: 1|2");
}

#[test]
fn items_can_be_taken_back_and_put_into_another_message() {
    let begin = || WordText::item(&Id::number(7));
    let mut item = begin();
    let mark = item.mark();
    item.value(&1).expect("it serialises");
    item.truncate(mark);
    item.value(&"a").expect("it serialises");
    let bytes = item.value(&[1, 2]).expect("it serialises");
    let taken = item.take_back(bytes);
    assert_eq!(&*taken, b"[1,2]");
    item.value(&2).expect("it serialises");
    assert_eq!(read_back(&item.finish()), r#"item 7: "a"|2"#);
    let mut next = begin();
    next.put(&taken);
    next.put(b"3");
    assert_eq!(read_back(&next.finish()), "item 7: [1,2]|3");
}

#[test]
fn initial_credit_is_two_integers() {
    let total = |items, bytes| Some(Totals { items, bytes });
    assert_eq!(parse_initial_credit("[64,262144]"), total(64, 262_144));
    assert_eq!(parse_initial_credit("[ 0 , 0 ]"), total(0, 0));
    assert_eq!(parse_initial_credit("[99999999999999999999,1]"), total(u64::MAX, 1));
    for text in ["[]", "[1]", "[1,2,3]", "[1,-2]", "[1.5,2]", "true", "64", r#"{"items":1}"#, "null"] {
        assert_eq!(parse_initial_credit(text), None, "{text}");
    }
}

#[test]
fn a_request_has_its_member_stream_as_it_came() {
    for (members, expected) in [
        (r#""id":1,"stream":[64,262144]"#, Some("[64,262144]")),
        (r#""stream":true,"id":1"#, Some("true")),
        (r#""\u0073tream":[1,2],"id":1"#, Some("[1,2]")),
        (r#""stream":[1,2],"stream":[1,2],"id":1"#, Some("null")),
        (r#""id":1"#, None),
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","method":"m",{members}}}"#);
        let Decoded::One(Incoming::Request(request)) = decode(text.as_bytes(), 1, Version::Required) else {
            panic!("{text} is no request");
        };
        assert_eq!(request.extensions.stream(), expected, "{text}");
    }
}

#[test]
fn a_stream_stands_in_params_as_an_object_of_one_member() {
    assert_eq!(parse_stream_param(r#"{"stream":0}"#), Some(0));
    assert_eq!(parse_stream_param(r#"{ "stream" : 65535 }"#), Some(65535));
    for text in [
        r#"{"stream":65536}"#,
        r#"{"stream":-1}"#,
        r#"{"stream":1.0}"#,
        r#"{"stream":"1"}"#,
        r#"{"stream":null}"#,
        r#"{"stream":1,"name":"a"}"#,
        r#"{"stream":1,"stream":1}"#,
        r#"{"Stream":1}"#,
        "{}",
        "[1]",
        "1",
        r#""stream""#,
    ] {
        assert_eq!(parse_stream_param(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn items_come_back_byte_for_byte(
        id in any::<u64>(), stream in any::<u16>(), items in prop::collection::vec(".{0,12}", 0..6)
    ) {
        let json = |item| serde_json::to_string(item).expect("JSON");
        let texts: Vec<String> = items.iter().map(json).collect();
        let mut push = WordText::push(id, stream);
        for (item, text) in items.iter().zip(&texts) {
            prop_assert_eq!(push.value(item).expect("it serialises"), text.len() as u64);
        }
        prop_assert_eq!(read_back(&push.finish()), format!("push {id} {stream}: {}", texts.join("|")));
    }

    #[test]
    fn no_params_panic(
        method in "rpc\\.(item|more|push|done|want|stop|allow)",
        params in "[\\[\\]{}\",:0-9a-z .-]{0,24}",
    ) {
        if let ParsedWord::Word(word) = Word::parse(&method, Some(&params)) {
            shown(word);
        }
    }
}
