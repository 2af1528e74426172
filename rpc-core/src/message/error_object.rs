//! The error object of a response.

use std::{borrow::Cow, fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeMap};
use serde_json::value::RawValue;

use super::finite::raw_json;
use super::{ErrorCode, served};
use crate::excerpt::excerpt;

/// The number of characters of a message and of data that are shown.
const MAX_SHOWN: usize = 500;

/// The error of a response (JSON-RPC 2.0 §5.1): a code, a message for people, and data for programs.
///
/// A method may use it as its error type if the codes are only known at run time. Otherwise, derive
/// `RpcError` for an enum.
///
/// ```
/// use birpc_core::ErrorObject;
///
/// let error = ErrorObject::new(17, "no such room").with_data(&["lobby", "kitchen"]);
/// assert_eq!(error.code(), 17);
/// assert_eq!(error.data::<Vec<String>>(), Some(vec!["lobby".into(), "kitchen".into()]));
/// ```
#[derive(Clone)]
pub struct ErrorObject {
    code: i64,
    message: Cow<'static, str>,
    data: Option<Box<RawValue>>,
    not_served: NotServed,
}

/// Whether an error states that the method has not run. Its data may state so too, but only this field is
/// trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotServed {
    Unsaid,
    /// A peer that speaks `birpc.v1` has stated it in the reply to a call.
    ByPeer,
    /// The error was made on this side, by code that refuses a call.
    Here,
}

impl ErrorObject {
    /// Creates an error without data. JSON-RPC 2.0 §5.1 reserves the codes from −32768 to −32000 for the
    /// framework; all others belong to the application.
    pub fn new(code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: None, not_served: NotServed::Unsaid }
    }

    /// Adds data for programs. Data that cannot be written as JSON is left out, and the log says so.
    ///
    /// If a method returns the error, a member `served` with the value `false` is removed; see
    /// [`ErrorObject::not_served`].
    #[must_use]
    pub fn with_data<T: Serialize + ?Sized>(mut self, data: &T) -> Self {
        match raw_json(data) {
            Ok(raw) => self.data = Some(raw),
            Err(error) => {
                tracing::warn!(code = self.code, %error, "error data does not serialise; it is omitted")
            }
        }
        if self.not_served == NotServed::Here { self.not_served() } else { self }
    }

    /// States that the method has not run, so that the caller may call again: adds `"served": false` to the
    /// data. Data that is not an object becomes the member `detail` of one.
    ///
    /// Use this in a layer ([`crate::Router::layer`]) that refuses a call before it calls the service behind
    /// it. If the layer has called that service and a handler has begun, the member is removed again. It is
    /// removed from all errors that handlers return, too. The caller gets such an error as
    /// [`crate::CallError::Rpc`], whatever its code, and [`ErrorObject::is_not_served`] is true there.
    ///
    /// ```
    /// use birpc_core::middleware::{Handler, IncomingCall, Next, from_fn};
    /// use birpc_core::{ErrorObject, RawValue, Router};
    ///
    /// async fn quota(call: IncomingCall, next: Next<Handler>) -> Result<Box<RawValue>, ErrorObject> {
    ///     # let used_up = |_: &str| false;
    ///     if used_up(call.method()) {
    ///         return Err(ErrorObject::new(-32005, "the quota is used up").not_served());
    ///     }
    ///     next.run(call).await
    /// }
    ///
    /// let router = Router::new().layer(from_fn(quota));
    /// ```
    #[must_use]
    pub fn not_served(mut self) -> Self {
        let data = served::with(self.data.as_deref().map(RawValue::get));
        self.data = RawValue::from_string(data).ok();
        self.not_served = NotServed::Here;
        self
    }

    /// Whether the method is known not to have run: the peer speaks `birpc.v1` and refused the call before
    /// its handler began. If this is `false`, the method may have run or not.
    #[must_use]
    pub fn is_not_served(&self) -> bool {
        self.not_served != NotServed::Unsaid
    }

    /// The error of a reply to a call of ours. `trusted`: whether the peer gives `served` the meaning that it
    /// has here.
    pub(crate) fn received(mut self, trusted: bool) -> Self {
        if trusted && self.data.as_ref().is_some_and(|data| served::says_not_served(data.get())) {
            self.not_served = NotServed::ByPeer;
        }
        self
    }

    /// The error of a handler that has run. It cannot state that the method has not run.
    pub(crate) fn of_handler(mut self) -> Self {
        self.not_served = NotServed::Unsaid;
        if let Some(data) = self.data.as_ref().and_then(|data| served::without(data.get())) {
            self.data = RawValue::from_string(data).ok();
        }
        self
    }

    /// The error of a layer. It may state that the method has not run, unless a handler has begun.
    pub(crate) fn of_layer(self, handler_began: bool) -> Self {
        if self.not_served == NotServed::Here && !handler_began { self } else { self.of_handler() }
    }

    /// Removes the data.
    pub(crate) fn without_data(self) -> Self {
        Self { data: None, ..self }
    }

    /// An error of the framework; `data.kind` names it.
    pub(crate) fn framework(code: ErrorCode) -> Self {
        Self::new(code.number(), code.message()).with_data(&Kind { kind: code.kind(), detail: None })
    }

    /// An error of the framework whose `data` also has one named detail.
    pub(crate) fn framework_with(code: ErrorCode, name: &'static str, detail: &str) -> Self {
        let detail = Some((name, detail));
        Self::new(code.number(), code.message()).with_data(&Kind { kind: code.kind(), detail })
    }

    /// The error of a handler whose own call got the error `cause`. Statements of `cause` about its own call
    /// do not apply to the handler's call.
    pub(crate) fn caused_by(cause: Self) -> Self {
        #[derive(Serialize)]
        struct Data {
            kind: &'static str,
            cause: ErrorObject,
        }
        let code = ErrorCode::Internal;
        let data = Data { kind: code.kind(), cause: cause.of_handler() };
        Self::new(code.number(), code.message()).with_data(&data)
    }

    /// The error of a call that a rate limit refuses, with the time until the next token.
    pub(crate) fn rate_limited(wait: Duration) -> Self {
        #[derive(Serialize)]
        struct Data {
            kind: &'static str,
            detail: &'static str,
            retry_after_ms: u64,
        }
        let code = ErrorCode::LimitExceeded;
        // Rounded up, so that a caller that waits this long finds a token.
        let retry_after_ms = u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        let detail = "too many calls in too short a time";
        Self::new(code.number(), code.message())
            .with_data(&Data { kind: code.kind(), detail, retry_after_ms })
            .not_served()
    }

    /// The time to wait before the next try, if the peer refused the call because of a rate limit and sent
    /// `data.retry_after_ms`, as birpc's [`crate::middleware::RateLimit`] does.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        #[derive(Deserialize)]
        struct Data {
            retry_after_ms: u64,
        }
        self.data::<Data>().map(|data| Duration::from_millis(data.retry_after_ms))
    }

    /// The error of a call whose params cannot be decoded.
    pub(crate) fn invalid_params(why: &str) -> Self {
        Self::framework_with(ErrorCode::InvalidParams, "detail", why)
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> i64 {
        self.code
    }

    /// The message, for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The data decoded as `T`; `None` if there is none or it is not a `T`.
    #[must_use]
    pub fn data<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.data.as_ref()?.get()).ok()
    }

    /// The JSON text of the data, unchanged.
    #[must_use]
    pub fn raw_data(&self) -> Option<&RawValue> {
        self.data.as_deref()
    }

    /// The framework's error code; `None` for an application's.
    #[must_use]
    pub fn framework_code(&self) -> Option<ErrorCode> {
        ErrorCode::from_number(self.code)
    }

    /// Whether the peer refused the call because it is shutting down.
    pub(crate) fn is_refused_by_shutdown(&self) -> bool {
        self.code == ErrorCode::ShuttingDown.number() && self.is_not_served()
    }
}

struct Kind<'a> {
    kind: &'static str,
    detail: Option<(&'static str, &'a str)>,
}

impl Serialize for Kind<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.kind)?;
        if let Some((name, value)) = self.detail {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl PartialEq for ErrorObject {
    fn eq(&self, other: &Self) -> bool {
        let text = |error: &Self| error.data.as_ref().map(|data| data.get().to_owned());
        self.code == other.code && self.message == other.message && text(self) == text(other)
    }
}

impl Eq for ErrorObject {}

impl fmt::Debug for ErrorObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ErrorObject");
        debug.field("code", &self.code).field("message", &self.message);
        if let Some(data) = &self.data {
            debug.field("data", &data.get());
        }
        debug.finish()
    }
}

/// Prints one line. Most of it is the peer's text, so characters that could change how the line is displayed
/// are escaped, and long texts are cut.
impl fmt::Display for ErrorObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", excerpt(&self.message, MAX_SHOWN), self.code)?;
        match &self.data {
            // Without the data, "Invalid params" would not say which ones.
            Some(data) if self.framework_code().is_some() => {
                write!(f, ": {}", excerpt(data.get(), MAX_SHOWN))
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for ErrorObject {}

impl Serialize for ErrorObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &self.code)?;
        map.serialize_entry("message", &self.message)?;
        if let Some(data) = &self.data {
            map.serialize_entry("data", data)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for ErrorObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(deserialize_with = "integral")]
            code: i64,
            message: Option<String>,
            #[serde(default, deserialize_with = "present")]
            data: Option<Box<RawValue>>,
        }
        let Wire { code, message, data } = Wire::deserialize(deserializer)?;
        let message = message.unwrap_or_default().into();
        Ok(Self { code, message, data, not_served: NotServed::Unsaid })
    }
}

/// Peers whose language has a single number type may send `-32000.0`.
fn integral<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Integer(i64),
        Float(f64),
    }
    match Number::deserialize(deserializer)? {
        Number::Integer(code) => Ok(code),
        // Up to 2^53, each integer has a float of its own.
        Number::Float(code) if code.fract() == 0.0 && code.abs() <= 9_007_199_254_740_992.0 => {
            Ok(code as i64)
        }
        Number::Float(code) => Err(D::Error::custom(format_args!("the code {code} is not an integer"))),
    }
}

/// `"data": null` is data too, and a relay passes it on.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}
