use birpc::RpcError;

#[derive(RpcError)]
enum Sold {
    #[rpc(code = 1)]
    Out { served: bool },
    #[rpc(code = 2)]
    Late {
        #[rpc(name = "served")]
        customers: u32,
    },
    #[rpc(code = 3)]
    Early {
        #[rpc(name = "was_served")]
        served: bool,
    },
}

fn main() {}
