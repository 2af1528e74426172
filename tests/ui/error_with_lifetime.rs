use birpc::RpcError;

#[derive(RpcError)]
#[rpc(code = 1)]
struct TooLong<'a> {
    line: &'a str,
}

fn main() {}
