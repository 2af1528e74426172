use birpc::{ErrorObject, RpcError};

#[derive(RpcError)]
enum ChatError {
    #[rpc(code = 1, transparent)]
    Other(ErrorObject),
}

fn main() {}
