//! birpc beside its floor, its bound and its peers.

fn main() {}
