use birpc::{ErrorObject, rpc};

struct Line;
struct Page;
struct Edit;

#[rpc]
trait Chat {
    #[rpc(params = "named")]
    async fn post(&self, line: Line, last: bool) -> Result<u64, ErrorObject>;
    #[rpc(params = "single")]
    async fn read(&self, page: Page) -> Result<u64, ErrorObject>;
    #[rpc(notification)]
    async fn changed(&self, edit: Option<Edit>);
}

fn main() {}
