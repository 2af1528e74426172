use birpc::rpc;

#[rpc]
trait Chat {
    async fn post(&self, line: String) -> u64;
}

fn main() {}
