//! Parses the messages of a peer about a subscription in Ethereum's form: the id in the reply to the call
//! that subscribes, and the params of notifications.

use super::members::object_members;
use super::{ErrorObject, Id, string};

/// The params of a notification: `{"subscription": id, "result": item}` or `{"subscription": id, "error":
/// …}`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SubscriptionEvent<'a> {
    pub(crate) id: Id,
    pub(crate) content: EventContent<'a>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EventContent<'a> {
    Item(&'a str),
    /// The subscription has ended. The text is any JSON value.
    Error(&'a str),
    /// Neither, or both.
    Malformed,
}

impl<'a> SubscriptionEvent<'a> {
    /// `None` if the params have no id of a subscription.
    pub(crate) fn parse(params: Option<&'a str>) -> Option<Self> {
        let params = params.filter(|params| params.starts_with('{'))?;
        let (mut id, mut item, mut error, mut repeated) = (None, None, None, false);
        object_members(params, |name, value| {
            let member = match name {
                "subscription" => &mut id,
                "result" => &mut item,
                "error" => &mut error,
                _ => return,
            };
            repeated |= member.replace(value).is_some();
        });
        let id = parse_subscription_id(id?)?;
        let content = match (item, error.filter(|error| *error != "null")) {
            _ if repeated => EventContent::Malformed,
            (Some(item), None) => EventContent::Item(item),
            (None | Some("null"), Some(error)) => EventContent::Error(error),
            _ => EventContent::Malformed,
        };
        Some(Self { id, content })
    }

    /// The number of bytes that are kept until the event is read.
    pub(crate) fn len(&self) -> usize {
        let content = match self.content {
            EventContent::Item(text) | EventContent::Error(text) => text.len(),
            EventContent::Malformed => 0,
        };
        content + self.id.text_len()
    }
}

/// Parses the id of a subscription, which is a string or a number. Two strings are equal if their values are,
/// whatever their escapes.
pub(crate) fn parse_subscription_id(text: &str) -> Option<Id> {
    if !text.contains('\\') {
        return Id::from_json(text).filter(|id| !id.is_null());
    }
    let value = serde_json::to_string(&*string(text)?).ok()?;
    Id::from_json(&value)
}

/// The code for an error that is not an error object.
const UNSPECIFIED: i64 = -32000;

/// Parses the error that ends a subscription. Servers send an error object, a text or another value.
pub(crate) fn subscription_error(text: &str) -> ErrorObject {
    match (serde_json::from_str(text), string(text)) {
        (Ok(error), _) => error,
        (Err(_), Some(message)) => ErrorObject::new(UNSPECIFIED, message.into_owned()),
        (Err(_), None) => {
            let error = ErrorObject::new(UNSPECIFIED, "the subscription has failed");
            match serde_json::from_str::<&serde_json::value::RawValue>(text) {
                Ok(data) => error.with_data(data),
                Err(_) => error,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        parse_subscription_id(text).expect("an id")
    }

    fn parse(params: &str) -> Option<SubscriptionEvent<'_>> {
        SubscriptionEvent::parse(Some(params))
    }

    fn content(params: &str) -> EventContent<'_> {
        parse(params).expect("it names a subscription").content
    }

    #[test]
    fn an_item_is_found_whatever_the_order_of_the_members() {
        for params in [
            r#"{"subscription":"0x1","result":{"a":1}}"#,
            r#"{"result":{"a":1},"subscription":"0x1"}"#,
            r#"{ "x" : null , "result" : {"a":1} , "error" : null, "subscription" : "\u0030x1" }"#,
        ] {
            let event = parse(params).expect("it names a subscription");
            assert_eq!((event.id, event.content), (id("\"0x1\""), EventContent::Item(r#"{"a":1}"#)));
        }
        assert_eq!(content(r#"{"subscription":7,"result":null}"#), EventContent::Item("null"));
    }

    #[test]
    fn an_error_ends_it_and_what_is_neither_is_malformed() {
        assert_eq!(content(r#"{"subscription":7,"error":"gone"}"#), EventContent::Error("\"gone\""));
        assert_eq!(content(r#"{"subscription":7,"error":{},"result":null}"#), EventContent::Error("{}"));
        for params in [
            r#"{"subscription":7}"#,
            r#"{"subscription":7,"error":null}"#,
            r#"{"subscription":7,"error":1,"result":1}"#,
            r#"{"subscription":7,"result":1,"result":2}"#,
            r#"{"subscription":7,"subscription":7,"result":1}"#,
        ] {
            assert_eq!(content(params), EventContent::Malformed, "{params}");
        }
    }

    #[test]
    fn other_params_name_no_subscription() {
        assert_eq!(SubscriptionEvent::parse(None), None);
        for params in [
            "[7,1]",
            "{}",
            r#"{"result":1}"#,
            r#"{"subscription":null,"result":1}"#,
            r#"{"subscription":true,"result":1}"#,
            r#"{"subscription":[7],"result":1}"#,
            r#"{"subscription":"\ud800","result":1}"#,
        ] {
            assert_eq!(parse(params), None, "{params}");
        }
    }

    #[test]
    fn a_text_and_a_number_are_two_ids() {
        assert_ne!(id("7"), id("\"7\""));
        assert_eq!(id("\"\\u0037\""), id("\"7\""));
        assert_eq!(id("\"a\\n\"").to_string(), "\"a\\n\"");
    }

    #[test]
    fn the_end_of_a_subscription_says_what_the_peer_said() {
        let error = subscription_error(r#"{"code":3,"message":"no","data":[1]}"#);
        assert_eq!((error.code(), error.message()), (3, "no"));
        let error = subscription_error("\"too slow\"");
        assert_eq!((error.code(), error.message()), (-32000, "too slow"));
        for other in ["7", "{}", "[1]", "true", "\"\\ud800\""] {
            let error = subscription_error(other);
            assert_eq!((error.code(), error.raw_data().map(|data| data.get())), (-32000, Some(other)));
        }
    }
}
