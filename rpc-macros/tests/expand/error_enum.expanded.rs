#[automatically_derived]
impl ::birpc::__private::RpcError for ChatError {
    fn into_error_object(self) -> ::birpc::__private::ErrorObject {
        let message_ = ::birpc::__private::error_text(&self);
        match self {
            Self::Empty => ::birpc::__private::error(1, message_),
            Self::TooLong { max: field0_, r#type: field1_, purpose: field2_ } => {
                ::birpc::__private::error_with::<
                    ::birpc::__private::Fields<
                        (
                            ::birpc::__private::Param<usize>,
                            ::birpc::__private::Param<Kind>,
                            ::birpc::__private::Param<String>,
                        ),
                    >,
                >(
                    -2,
                    message_,
                    &::birpc::__private::Fields(
                        &["max", "type", "for"],
                        (field0_, field1_, field2_),
                    ),
                )
            }
            Self::One(field0_) => {
                ::birpc::__private::error_with::<
                    ::birpc::__private::Only<::birpc::__private::Param<Vec<u8>>>,
                >(16, message_, &::birpc::__private::Only(field0_))
            }
            Self::Pair(field0_, field1_) => {
                ::birpc::__private::error_with::<
                    (::birpc::__private::Param<u8>, ::birpc::__private::Param<String>),
                >(4, message_, &(field0_, field1_))
            }
            Self::Unit() => ::birpc::__private::error(-9223372036854775808, message_),
        }
    }
    fn from_error_object(
        error_: ::birpc::__private::ErrorObject,
    ) -> ::birpc::__private::Result<Self, ::birpc::__private::ErrorObject> {
        let known_ = match (&error_).code() {
            1 => ::birpc::__private::Some(Self::Empty),
            -2 => {
                ::birpc::__private::error_fields::<
                    (
                        ::birpc::__private::Param<usize>,
                        ::birpc::__private::Param<Kind>,
                        ::birpc::__private::Param<String>,
                    ),
                >(&error_, &["max", "type", "for"])
                    .map(|(field0_, field1_, field2_)| Self::TooLong {
                        max: field0_,
                        r#type: field1_,
                        purpose: field2_,
                    })
            }
            16 => {
                ::birpc::__private::error_only::<
                    ::birpc::__private::Param<Vec<u8>>,
                >(&error_)
                    .map(|field0_| Self::One(field0_))
            }
            4 => {
                ::birpc::__private::error_data::<
                    (::birpc::__private::Param<u8>, ::birpc::__private::Param<String>),
                >(&error_)
                    .map(|(field0_, field1_)| Self::Pair(field0_, field1_))
            }
            -9223372036854775808 => ::birpc::__private::Some(Self::Unit()),
            _ => ::birpc::__private::None,
        };
        known_.ok_or(error_)
    }
}
#[automatically_derived]
impl ::birpc::__private::From<ChatError> for ::birpc::__private::ErrorObject {
    fn from(error_: ChatError) -> Self {
        ::birpc::__private::RpcError::into_error_object(error_)
    }
}
