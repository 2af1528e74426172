use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn none(line: String) -> Result<u64, ErrorObject>;
    async fn exclusive(&mut self, line: String) -> Result<u64, ErrorObject>;
    async fn owned(self, line: String) -> Result<u64, ErrorObject>;
    async fn typed(self: Box<Self>, line: String) -> Result<u64, ErrorObject>;
}

fn main() {}
