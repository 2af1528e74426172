use birpc::rpc;

#[rpc]
trait Chat {
    #[rpc(notification, idempotent)]
    async fn typing(&self);
}

fn main() {}
