#[rpc(namespace = "a", separator = "_", crate = crate::wire)]
trait Names {
    async fn r#type(&self, r#in: u8, #[rpc(name = "for")] purpose: u8) -> Answer<u8>;
    #[rpc(name = "textDocument/didOpen", aliases = ["open", "didOpen"])]
    async fn open(&self) -> Answer<()>;
    #[rpc(notification)]
    #[rpc(name = "$/progress")]
    async fn progress(&self, this: u8, cx: u8, routes: T);
}
