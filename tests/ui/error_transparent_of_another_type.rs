use birpc::RpcError;

#[derive(RpcError)]
enum ChatError {
    #[rpc(transparent)]
    Other(String),
}

impl std::fmt::Display for ChatError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an error")
    }
}

fn main() {}
