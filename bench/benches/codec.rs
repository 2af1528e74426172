//! The codec: messages from text and to text.

use std::hint::black_box;

use birpc_core::__private::Params;
use birpc_core::ErrorObject;
use birpc_core::internals::{decode, encode_error, encode_request, encode_result};
use criterion::{BenchmarkId, Criterion, Throughput};

const KIB: usize = 1 << 10;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    decoding(&mut criterion);
    encoding(&mut criterion);
    params(&mut criterion);
    criterion.final_summary();
}

/// A request whose only parameter is this JSON text.
fn request(param: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":[{param}],\"id\":7}}")
}

fn decoding(criterion: &mut Criterion) {
    let add = "{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":[1,2],\"id\":7}";
    let batch = vec![add; 16].join(",");
    let error =
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":1,\"message\":\"no\",\"data\":{\"max\":20}}}";
    let messages = [
        ("request", add.to_owned(), 1),
        ("notification", "{\"jsonrpc\":\"2.0\",\"method\":\"said\",\"params\":[\"hello\"]}".into(), 1),
        ("response", "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":3}".into(), 1),
        ("error", error.into(), 1),
        ("batch of 16", format!("[{batch}]"), 16),
        ("1 KiB", request(&format!("\"{}\"", "x".repeat(KIB))), 1),
        ("64 KiB", request(&format!("\"{}\"", "x".repeat(64 * KIB))), 1),
        ("1 KiB, escaped", request(&format!("\"{}\"", "\\n\\u00e9".repeat(KIB / 8))), 1),
        ("escaped method", add.replace("add", "\\u0061dd"), 1),
    ];
    let mut group = criterion.benchmark_group("decode");
    for (name, text, count) in messages {
        assert_eq!(decode(text.as_bytes()), count, "{name}");
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bench| bench.iter(|| decode(black_box(text.as_bytes()))));
    }
    group.finish();
}

fn encoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    assert!(encode_request("add", &(1, 2), 7).is_some());
    group.bench_function("request", |bench| {
        bench.iter(|| encode_request(black_box("add"), &black_box((1, 2)), 7));
    });
    let mut out = Vec::new();
    group.bench_function("result", |bench| {
        bench.iter(|| {
            out.clear();
            encode_result(black_box(7), &black_box(3), &mut out);
            out.len()
        });
    });
    let error = ErrorObject::new(1, "the line is too long").with_data(&20);
    group.bench_function("error", |bench| {
        bench.iter(|| {
            out.clear();
            encode_error(black_box(7), black_box(&error), &mut out);
            out.len()
        });
    });
    for (name, text) in [("plain", "x"), ("escaped", "\n\"")] {
        for size in [KIB, 64 * KIB] {
            let text = text.repeat(size / text.len());
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_with_input(BenchmarkId::new(name, size), &text, |bench, text| {
                bench.iter(|| {
                    out.clear();
                    encode_result(7, text, &mut out);
                    out.len()
                });
            });
        }
    }
    group.finish();
}

fn params(criterion: &mut Criterion) {
    type Post = (u64, String, Option<bool>);
    const NAMES: &[&str] = &["room", "line", "quiet"];
    let mut group = criterion.benchmark_group("params");
    for (name, text) in [
        ("by position", "[7,\"hello\",null]"),
        ("by name", "{\"room\":7,\"line\":\"hello\",\"quiet\":null}"),
        ("by name, with others", "{\"new\":[1],\"line\":\"hello\",\"room\":7}"),
        ("wrong type", "[7,true]"),
    ] {
        assert_eq!(Post::decode(Some(text), NAMES).is_ok(), name != "wrong type");
        group.bench_function(name, |bench| bench.iter(|| Post::decode(black_box(Some(text)), NAMES).is_ok()));
    }
    group.finish();
}
