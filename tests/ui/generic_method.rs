use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn post<L>(&self, line: L) -> Result<u64, ErrorObject>;
    async fn read<'a>(&'a self) -> Result<u64, ErrorObject>;
    async fn send(&self) -> Result<u64, ErrorObject>
    where
        Self: Sized;
}

fn main() {}
