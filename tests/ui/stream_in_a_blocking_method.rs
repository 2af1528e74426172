use birpc::{ErrorObject, Streaming, rpc};

type Lines = Streaming<String>;

#[rpc]
trait Log {
    #[rpc(blocking)]
    fn tail(&self) -> Result<Streaming<String>, ErrorObject>;
    #[rpc(blocking)]
    fn put(&self, lines: Lines) -> Result<u64, ErrorObject>;
}

fn main() {}
