#[derive(RpcError)]
pub enum ChatError {
    #[rpc(code = 1)]
    Empty,
    #[rpc(code = -2)]
    TooLong { max: usize, r#type: Kind, #[rpc(name = "for")] purpose: String },
    #[rpc(code = 0x1_0)]
    One(Vec<u8>),
    #[rpc(code = 4i64)]
    Pair(u8, String),
    #[rpc(code = -9223372036854775808)]
    Unit(),
}
