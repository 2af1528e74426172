use birpc::rpc;

#[rpc]
trait Chat {
    #[rpc(blocking)]
    fn post(&self, line: String) -> u64;
}

fn main() {}
