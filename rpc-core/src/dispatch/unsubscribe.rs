//! The method that ends subscriptions, such as `eth_unsubscribe`.

use std::future::ready;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::factory::request_factory;
use super::route::{Route, RouteOptions};
use super::streams::StreamSignature;
use crate::context::Context;
use crate::message::{ErrorObject, Id};

/// The route of such a method. It ends the subscription with the id in its params, and returns whether there
/// was one that this method ends.
pub(super) fn unsubscribe_route(name: &str) -> Route {
    let factory = request_factory(&["subscription"], |cx: Context, (id,): (SubscriptionId,)| {
        let call = cx.call();
        ready(Ok::<_, ErrorObject>(call.shared.as_subscription().unsubscribe(&id.0, &call.method)))
    });
    let route = Route::new(name, factory, RouteOptions::default(), StreamSignature::NONE);
    Route { unsubscribes: true, ..route }
}

/// The id of a subscription in params.
struct SubscriptionId(Id);

impl<'de> Deserialize<'de> for SubscriptionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Two strings are the same id if their values are equal, whatever their escapes. So the id is written
        // anew.
        let id = match Value::deserialize(deserializer)? {
            id @ (Value::String(_) | Value::Number(_)) => Id::from_json(&id.to_string()),
            _ => None,
        };
        let expected = "the id of a subscription, which is a text or a number";
        id.map(Self).ok_or_else(|| Error::invalid_type(Unexpected::Other("another value"), &expected))
    }
}
