#[rpc]
pub trait Lanes {
    #[rpc(ordered)]
    async fn in_turn(&self, n: u64) -> Answer<u64>;
    #[rpc(blocking)]
    fn by_itself(&self, cx: &Context, n: u64) -> Answer<u64>;
    #[rpc(notification, ordered, blocking)]
    fn both(&self, line: String) {
        drop(line);
    }
    #[rpc(notification, overflow = "latest")]
    async fn moved(&self, x: i64);
    #[rpc(notification, ordered, overflow = "close")]
    async fn changed(&self, edit: String);
}
