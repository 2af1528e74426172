#[automatically_derived]
impl ::birpc::__private::RpcError for ChatError {
    fn into_error_object(self) -> ::birpc::__private::ErrorObject {
        let message = ::birpc::__private::ToString::to_string(&self);
        match self {
            Self::Empty => ::birpc::__private::error(1, message),
            Self::TooLong { max, r#type, purpose } => {
                ::birpc::__private::error_with(
                    -2,
                    message,
                    &::birpc::__private::Named(
                        &["max", "type", "for"],
                        (max, r#type, purpose),
                    ),
                )
            }
            Self::One(field0) => ::birpc::__private::error_with(16, message, &field0),
            Self::Pair(field0, field1) => {
                ::birpc::__private::error_with(4, message, &(field0, field1))
            }
            Self::Unit() => ::birpc::__private::error(-9223372036854775808, message),
        }
    }
    fn from_error_object(
        error: ::birpc::__private::ErrorObject,
    ) -> ::birpc::__private::Result<Self, ::birpc::__private::ErrorObject> {
        let known = match error.code() {
            1 => ::birpc::__private::Some(Self::Empty),
            -2 => {
                ::birpc::__private::error_fields::<
                    (usize, Kind, String),
                >(&error, &["max", "type", "for"])
                    .map(|(max, r#type, purpose)| Self::TooLong {
                        max,
                        r#type,
                        purpose,
                    })
            }
            16 => {
                ::birpc::__private::error_data::<Vec<u8>>(&error)
                    .map(|field0| Self::One(field0))
            }
            4 => {
                ::birpc::__private::error_data::<(u8, String)>(&error)
                    .map(|(field0, field1)| Self::Pair(field0, field1))
            }
            -9223372036854775808 => ::birpc::__private::Some(Self::Unit()),
            _ => ::birpc::__private::None,
        };
        known.ok_or(error)
    }
}
