//! What makes the handlers of a method: its params are decoded, and given to it.

use std::future::Future;
use std::sync::Arc;

use super::body::ServedBody;
use super::handling::{HandlerFactory, NotificationHandling};
use super::parameters::Parameters;
use crate::context::Context;
use crate::error::MethodResult;
use crate::message::Params;

/// Makes the handlers of a request, from the wire names of its parameters.
pub(super) fn request_factory<P, Fut>(
    names: &'static [&'static str],
    handler: impl Fn(Context, P) -> Fut + Send + Sync + 'static,
) -> Arc<HandlerFactory>
where
    P: Parameters,
    Fut: Future<Output: MethodResult<Ok: ServedBody>> + Send + 'static,
{
    Arc::new(move |cx, params| {
        let params = P::Wire::decode(params.as_str(), names)?;
        let params = P::from_wire(params, names, &cx)?;
        cx.call().drop_unclaimed();
        Ok(<Fut::Output as MethodResult>::Ok::handling(cx, |cx| handler(cx, params)).0)
    })
}

/// Makes the handlers of a notification, from the wire names of its parameters.
pub(super) fn notification_factory<P, Fut>(
    names: &'static [&'static str],
    handler: impl Fn(Context, P) -> Fut + Send + Sync + 'static,
) -> Arc<HandlerFactory>
where
    P: Parameters,
    Fut: Future<Output = ()> + Send + 'static,
{
    Arc::new(move |cx, params| {
        let params = P::Wire::decode(params.as_str(), names)?;
        let params = P::from_wire(params, names, &cx)?;
        Ok(Box::pin(NotificationHandling { handler: handler(cx, params) }))
    })
}
