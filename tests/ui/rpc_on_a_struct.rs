use birpc::rpc;

#[rpc]
struct Chat;

fn main() {}
