use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn post(&self, #[cfg(unix)] line: String) -> Result<u64, ErrorObject>;
}

fn main() {}
