use birpc::{ErrorObject, rpc};

struct Line;

struct Number;

#[rpc(client)]
trait Chat {
    async fn post(&self, line: Line) -> Result<u64, ErrorObject>;

    async fn count(&self) -> Result<Number, ErrorObject>;

    #[rpc(notification)]
    async fn said(&self, line: Option<Line>);
}

fn main() {}
