use birpc::rpc;

#[rpc]
trait Chat {
    async fn post(&self, line: String) -> Result<u64, std::io::Error>;
}

fn main() {}
