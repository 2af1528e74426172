use birpc::{ErrorObject, RpcError};

#[derive(RpcError)]
enum ChatError {
    #[rpc(transparent)]
    Other(ErrorObject),
    #[rpc(transparent)]
    Rest(ErrorObject),
}

fn main() {}
