use birpc::RpcError;

#[derive(RpcError)]
#[rpc(namespace = "chat")]
enum ChatError {
    #[rpc(code = 1, message = "empty")]
    Empty,
    #[rpc(code = 2)]
    TooLong(#[rpc(name = "max")] usize),
    #[rpc(code = 3)]
    Late {
        #[rpc(rename = "seconds")]
        by: u64,
    },
}

fn main() {}
