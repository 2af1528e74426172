use birpc::{ErrorObject, rpc};

#[rpc(null)]
trait Editor {
    #[rpc(params = "single")]
    async fn fine(&self, position: Option<u64>) -> Result<u64, ErrorObject>;

    #[rpc(params = "single", null)]
    async fn hover(&self, position: Option<u64>) -> Result<u64, ErrorObject>;

    #[rpc(params = "single")]
    async fn open(&self, #[rpc(null)] position: Option<u64>) -> Result<u64, ErrorObject>;
}

fn main() {}
