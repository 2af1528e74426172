#[rpc]
pub trait Defaults {
    async fn twice(&self, cx: &Context, mut n: u64) -> Answer<u64> {
        #![allow(unused_assignments)]
        n += self.once(cx, n).await?;
        Ok(n)
    }
    async fn once(&self, cx: &Context, n: u64) -> Answer<u64>;
    #[rpc(notification)]
    async fn told(&self, _line: String) {}
}
