use birpc::RpcError;

#[derive(RpcError)]
enum ChatError {
    #[rpc(transparent)]
    Other,
}

fn main() {}
