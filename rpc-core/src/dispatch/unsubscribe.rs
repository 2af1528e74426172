//! The method that ends subscriptions: `eth_unsubscribe`.

use std::future::ready;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::factory::request_factory;
use super::route::{Lane, Route};
use super::streams::StreamSignature;
use crate::context::Context;
use crate::message::{ErrorObject, Id};

/// Answers whether there was a subscription with this id that this method ends.
pub(super) fn unsubscribe_route(name: &str) -> Route {
    let factory = request_factory(&["subscription"], |cx: Context, (id,): (SubscriptionId,)| {
        let call = cx.call();
        ready(Ok::<_, ErrorObject>(call.shared.as_subscription().unsubscribe(&id.0, &call.method)))
    });
    let route = Route::new(name, factory, Lane::default(), StreamSignature::NONE);
    Route { unsubscribes: true, ..route }
}

/// The id of a subscription in params.
struct SubscriptionId(Id);

impl<'de> Deserialize<'de> for SubscriptionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A text may be written with escapes, and ids are equal if their texts are.
        let id = match Value::deserialize(deserializer)? {
            id @ (Value::String(_) | Value::Number(_)) => Id::from_json(&id.to_string()),
            _ => None,
        };
        let expected = "the id of a subscription, which is a text or a number";
        id.map(Self).ok_or_else(|| Error::invalid_type(Unexpected::Other("another value"), &expected))
    }
}
