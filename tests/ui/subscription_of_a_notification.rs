use birpc::rpc;

#[rpc]
trait Eth {
    #[rpc(notification, subscription(notify = "head", unsubscribe = "stop"))]
    async fn heads(&self);
}

fn main() {}
