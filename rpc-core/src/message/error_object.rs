//! The error object as it goes over the wire.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use super::ErrorCode;
use crate::excerpt::excerpt;

/// Characters of a message and of data that are shown.
const MAX_SHOWN: usize = 500;

/// The error of a reply (JSON-RPC 2.0 §5.1): a code, a message for people, and data for programs.
///
/// A method may use it as its error type where the codes are only known at run time; where they are known,
/// derive `RpcError` for an enum instead.
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
}

impl ErrorObject {
    /// An error without data. Codes from −32768 to −32000 are reserved by JSON-RPC 2.0 §5.1 and belong to
    /// the framework; every other is the application's.
    pub fn new(code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// Adds data for programs. Data that cannot be written as JSON is left out and logged, since an
    /// error about an error helps nobody.
    #[must_use]
    pub fn with_data<T: Serialize + ?Sized>(mut self, data: &T) -> Self {
        match serde_json::value::to_raw_value(data) {
            Ok(raw) => self.data = Some(raw),
            Err(error) => tracing::warn!(code = self.code, %error, "error data left out"),
        }
        self
    }

    /// An error of the framework, with `data.kind` saying which.
    pub(crate) fn framework(code: ErrorCode) -> Self {
        Self::new(code.number(), code.message()).with_data(&Kind { kind: code.kind(), detail: None })
    }

    /// An error of the framework whose `data` also holds one named detail.
    pub(crate) fn framework_with(code: ErrorCode, name: &'static str, detail: &str) -> Self {
        let detail = Some((name, detail));
        Self::new(code.number(), code.message()).with_data(&Kind { kind: code.kind(), detail })
    }

    /// The params of a call do not decode.
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

    /// The data's JSON text, byte for byte as it came.
    #[must_use]
    pub fn raw_data(&self) -> Option<&RawValue> {
        self.data.as_deref()
    }

    /// Which error of the framework this is; `None` for an application's.
    #[must_use]
    pub fn framework_code(&self) -> Option<ErrorCode> {
        ErrorCode::from_number(self.code)
    }

    /// Whether a birpc peer that shuts down says this: others give the code a meaning of their own, but not the kind.
    pub(crate) fn is_shutting_down(&self) -> bool {
        #[derive(Deserialize)]
        struct Data {
            kind: String,
        }
        let shuts_down = ErrorCode::ShuttingDown;
        self.framework_code() == Some(shuts_down)
            && self.data::<Data>().is_some_and(|data| data.kind == shuts_down.kind())
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

/// One line, of which the peer has written the most: what could change how it is shown is escaped, and what is long is
/// cut.
impl fmt::Display for ErrorObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", excerpt(&self.message, MAX_SHOWN), self.code)?;
        match &self.data {
            // Without the data "Invalid params" would not say which.
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
            code: i64,
            #[serde(default)]
            message: String,
            #[serde(default, deserialize_with = "present")]
            data: Option<Box<RawValue>>,
        }
        let Wire { code, message, data } = Wire::deserialize(deserializer)?;
        Ok(Self { code, message: message.into(), data })
    }
}

/// `"data": null` is data too, and a relay passes it on.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}
