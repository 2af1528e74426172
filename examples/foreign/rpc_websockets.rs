//! Our client with a server of rpc-websockets, which answers notifications that it does not know by an error with id
//! null, and tells its events in a form of its own.

use std::error::Error;

use birpc::{Client, ErrorObject, rpc};
use serde_json::{Value, json};

use crate::checks::{Checks, SOON, a_hundred_sums, mebibyte};

#[rpc]
trait Sums {
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject>;
    #[rpc(notification)]
    async fn log(&self, line: String);
    async fn logged(&self) -> Result<Vec<String>, ErrorObject>;
    async fn fail(&self, data: Value) -> Result<(), ErrorObject>;
}

pub(crate) async fn run(url: &str, checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    let client = Client::builder().call_timeout(SOON).connect(url).await?;
    let sums: SumsClient = client.stub();
    checks.equal("params by position", sums.add(1, 2).await, Ok(3));
    checks.equal("params by name", client.peer().call::<i64>("add", json!({"a": 1, "b": 2})).await, Ok(3));
    for line in ["one", "two", "three"] {
        sums.log(line.into()).await?;
    }
    checks.equal(
        "notifications, in order",
        sums.logged().await,
        Ok(["one", "two", "three"].map(String::from).into()),
    );
    let expected = ErrorObject::new(7, "seven").with_data(&json!({"a": [1]}));
    checks.fails("an error with data", sums.fail(json!({"a": [1]})).await, expected);
    checks.refused("an unknown method", client.peer().call::<Value>("no_such_method", ()).await, -32601);
    let long = mebibyte();
    checks.equal("1 MiB", client.peer().call::<String>("echo", [&long]).await, Ok(long));
    checks.equal("a hundred calls at once", a_hundred_sums(client.peer()).await, Ok((1..=100).collect()));
    Ok(())
}
