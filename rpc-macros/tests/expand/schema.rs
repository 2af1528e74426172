/// What a room does.
#[rpc(namespace = "room", schema)]
trait Room<C: Config> {
    /// Posts.
    #[rpc(idempotent)]
    async fn post(
        &self,
        cx: &Context,
        #[rpc(sensitive)] line: String,
        #[rpc(default)] to: u8,
    ) -> Result<C::Id, RoomError>;
    #[deprecated]
    #[cfg(unix)]
    #[rpc(notification, params = "named")]
    async fn told(&self, r#type: C::Kind);
    #[rpc(subscription(notify = "line", unsubscribe = "leave"))]
    async fn lines(&self) -> Result<Streaming<String>, RoomError>;
    #[rpc(sensitive)]
    async fn log_in(&self, name: String) -> Result<(), RoomError>;
    #[rpc(hidden)]
    async fn secret(&self) -> Result<(), RoomError>;
}
#[rpc(client, schema)]
trait Page {
    async fn title(&self, of: Option<u8>) -> Answer<String>;
}
#[rpc(schema)]
enum RoomError {
    /// Nobody is there.
    #[rpc(code = 1)]
    Empty,
    #[error("more than {max} characters", max = self.max)]
    #[rpc(code = 2)]
    TooLong { max: usize, r#in: String },
    #[rpc(code = 3)]
    One(Vec<u8>),
    #[rpc(code = 4)]
    Two(u8, String),
    #[rpc(transparent)]
    Other(ErrorObject),
}
