use birpc::{ErrorObject, RpcError};

#[derive(RpcError)]
enum ChatError {
    #[rpc(transparent)]
    Other(ErrorObject, String),
}

fn main() {}
