use birpc::rpc;

#[rpc(notification)]
async fn typing() {}

fn main() {}
