//! The two tables of open calls, with few and with many calls.

use std::hint::black_box;

use birpc_core::internals::{Calls, Served};
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion};

/// The number of calls that are open meanwhile.
const OPEN: [usize; 3] = [0, 1_000, 100_000];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    calls(&mut criterion);
    served(&mut criterion);
    criterion.final_summary();
}

/// Outgoing calls.
fn calls(criterion: &mut Criterion) {
    let result = Bytes::from_static(b"3");
    let mut group = criterion.benchmark_group("calls");
    for open in OPEN {
        let mut calls = Calls::pending(open);
        group.bench_function(BenchmarkId::new("open and complete", open), |bench| {
            bench.iter(|| {
                let id = calls.open();
                assert!(calls.complete(black_box(id), result.clone()));
            });
        });
        let mut calls = Calls::pending(open);
        group.bench_function(BenchmarkId::new("open and cancel", open), |bench| {
            bench.iter(|| {
                let id = calls.open();
                assert!(calls.cancel(black_box(id)));
            });
        });
    }
    group.finish();
}

/// Incoming calls.
fn served(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("served");
    for open in OPEN {
        let mut served = Served::running(open);
        let id = open as u64 + 1;
        group.bench_function(BenchmarkId::new("admit and finish", open), |bench| {
            bench.iter(|| {
                let key = served.admit(black_box(id));
                assert!(key.is_some_and(|key| served.finish(key)));
            });
        });
        group.bench_function(BenchmarkId::new("admit, cancel and finish", open), |bench| {
            bench.iter(|| {
                let key = served.admit(black_box(id));
                assert!(served.is_running(black_box(id)));
                assert!(key.is_some_and(|key| served.finish(key)));
            });
        });
    }
    group.finish();
}
