use birpc::{ErrorObject, rpc};

#[rpc]
unsafe trait Chat {
    async fn post(&self, line: String) -> Result<u64, ErrorObject>;
}

fn main() {}
