use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    #[rpc(notification)]
    async fn typing(&self) -> Result<(), ErrorObject>;
}

fn main() {}
