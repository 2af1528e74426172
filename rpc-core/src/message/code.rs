//! The error codes that birpc itself uses.

/// An error code of the framework: from JSON-RPC 2.0 §5.1, LSP's code for a cancelled request, two codes of
/// the reserved server range that Ethereum uses, and one more of that range for streams. All codes outside
/// −32768..=−32000, except −32800, belong to applications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// −32700: the text is not JSON.
    Parse,
    /// −32600: the text is JSON but not a valid request.
    InvalidRequest,
    /// −32601: the method is not served.
    MethodNotFound,
    /// −32602: the params cannot be decoded.
    InvalidParams,
    /// −32603: the handler panicked, or its reply could not be sent.
    Internal,
    /// −32800: the caller cancelled the request.
    Cancelled,
    /// −32005: too many calls are open.
    LimitExceeded,
    /// −32001: the peer is shutting down.
    ShuttingDown,
    /// −32006: the source of a stream was faster than its consumer, and items are lost. A consumer gets it
    /// as [`StreamError::Lagged`](crate::StreamError::Lagged).
    Lagged,
}

impl ErrorCode {
    const ALL: [Self; 9] = [
        Self::Parse,
        Self::InvalidRequest,
        Self::MethodNotFound,
        Self::InvalidParams,
        Self::Internal,
        Self::Cancelled,
        Self::LimitExceeded,
        Self::ShuttingDown,
        Self::Lagged,
    ];

    /// The code as a number.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Parse => -32700,
            Self::InvalidRequest => -32600,
            Self::MethodNotFound => -32601,
            Self::InvalidParams => -32602,
            Self::Internal => -32603,
            Self::Cancelled => -32800,
            Self::LimitExceeded => -32005,
            Self::ShuttingDown => -32001,
            Self::Lagged => -32006,
        }
    }

    /// The framework's code with this number, if there is one.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }

    /// The value of `data.kind`, so that programs need not parse the message.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Parse => "parse_error",
            Self::InvalidRequest => "invalid_request",
            Self::MethodNotFound => "method_not_found",
            Self::InvalidParams => "invalid_params",
            Self::Internal => "internal_error",
            Self::Cancelled => "cancelled",
            Self::LimitExceeded => "limit_exceeded",
            Self::ShuttingDown => "shutting_down",
            Self::Lagged => "lagged",
        }
    }

    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Parse => "Parse error",
            Self::InvalidRequest => "Invalid Request",
            Self::MethodNotFound => "Method not found",
            Self::InvalidParams => "Invalid params",
            Self::Internal => "Internal error",
            Self::Cancelled => "Request cancelled",
            Self::LimitExceeded => "Limit exceeded",
            Self::ShuttingDown => "Shutting down",
            Self::Lagged => "Items were lost",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_its_number() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_number(code.number()), Some(code));
        }
        assert_eq!(ErrorCode::from_number(1), None);
    }
}
