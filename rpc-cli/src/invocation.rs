//! What `call` and `notify` have in common: a method of a server, its params, and the connection.

use std::time::Duration;

use birpc::Router;
use clap::Args;

use crate::connection::{ConnectArguments, Deadline, Session};
use crate::duration::duration;
use crate::failure::Failure;
use crate::params::{ParamArguments, Params};

/// A method of a server, and how it is called.
#[derive(Args)]
pub(crate) struct MethodArguments {
    /// The server: ws://HOST:PORT/PATH or wss://…
    url: String,
    /// The name of the method
    pub(crate) method: String,
    #[command(flatten)]
    params: ParamArguments,
    /// Give up after this time: 300ms, 5s, 2m. It includes the connection, and a stream's beginning but not
    /// its items
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    connect: ConnectArguments,
}

impl MethodArguments {
    /// Reads the params, and connects. The deadline, which covers this too, is for what follows.
    pub(crate) async fn open(&self) -> Result<(Session, Params, Deadline), Failure> {
        let params = self.params.read()?;
        let deadline = Deadline::after(self.timeout);
        let builder = self.connect.builder()?.serve(Router::new());
        Ok((Session::open(builder, &self.url, deadline).await?, params, deadline))
    }
}
