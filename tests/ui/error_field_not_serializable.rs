use birpc::RpcError;

struct Line;

struct Other;

#[derive(RpcError)]
enum ChatError {
    #[rpc(code = 1)]
    TooLong { line: Line },
    #[rpc(code = 2)]
    Odd(Other),
}

impl std::fmt::Display for ChatError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an error")
    }
}

fn main() {}
