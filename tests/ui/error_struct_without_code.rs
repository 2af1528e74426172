use birpc::RpcError;

#[derive(RpcError)]
struct Gone;

fn main() {}
