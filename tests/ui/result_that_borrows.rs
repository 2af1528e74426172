use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn read(&self) -> Result<&str, ErrorObject>;
    async fn opaque(&self) -> Result<impl Sized, ErrorObject>;
}

fn main() {}
