use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    #[rpc(overflow = "drop")]
    async fn say(&self, text: String) -> Result<(), ErrorObject>;
}

fn main() {}
