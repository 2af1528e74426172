use birpc::rpc;

#[rpc]
trait Chat {
    #[rpc(notification, overflow = "newest")]
    async fn moved(&self, x: i64);
}

fn main() {}
