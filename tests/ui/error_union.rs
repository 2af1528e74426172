use birpc::RpcError;

#[derive(RpcError)]
union ChatError {
    code: i64,
}

fn main() {}
