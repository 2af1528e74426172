use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    async unsafe fn post(&self, line: String) -> Result<u64, ErrorObject>;
    async extern "C" fn send(&self, line: String) -> Result<u64, ErrorObject>;
}

fn main() {}
