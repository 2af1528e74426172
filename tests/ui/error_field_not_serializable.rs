use birpc::RpcError;

struct Line;

#[derive(RpcError)]
enum ChatError {
    #[rpc(code = 1)]
    TooLong { line: Line },
    #[rpc(code = 2)]
    Odd(Line),
}

impl std::fmt::Display for ChatError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an error")
    }
}

fn main() {}
