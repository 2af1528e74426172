use birpc::rpc;

macro_rules! methods {
    () => {};
}

#[rpc]
trait Chat {
    methods!();
}

fn main() {}
