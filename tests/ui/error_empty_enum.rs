use birpc::RpcError;

#[derive(RpcError)]
enum ChatError {}

fn main() {}
