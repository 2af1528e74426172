#[automatically_derived]
impl ::other::birpc::__private::RpcError for WithRest {
    fn into_error_object(self) -> ::other::birpc::__private::ErrorObject {
        let message_ = ::other::birpc::__private::error_text(&self);
        match self {
            Self::Known => ::other::birpc::__private::error(1, message_),
            Self::Other(field0_) => field0_,
        }
    }
    fn from_error_object(
        error_: ::other::birpc::__private::ErrorObject,
    ) -> ::other::birpc::__private::Result<
        Self,
        ::other::birpc::__private::ErrorObject,
    > {
        let known_ = match (&error_).code() {
            1 => ::other::birpc::__private::Some(Self::Known),
            _ => ::other::birpc::__private::None,
        };
        ::other::birpc::__private::Ok(known_.unwrap_or(Self::Other { 0: error_ }))
    }
}
#[automatically_derived]
impl ::other::birpc::__private::From<WithRest>
for ::other::birpc::__private::ErrorObject {
    fn from(error_: WithRest) -> Self {
        ::other::birpc::__private::RpcError::into_error_object(error_)
    }
}
#[automatically_derived]
impl ::birpc::__private::RpcError for Anything {
    fn into_error_object(self) -> ::birpc::__private::ErrorObject {
        let message_ = ::birpc::__private::error_text(&self);
        match self {
            Self { object: field0_ } => field0_,
        }
    }
    fn from_error_object(
        error_: ::birpc::__private::ErrorObject,
    ) -> ::birpc::__private::Result<Self, ::birpc::__private::ErrorObject> {
        let known_ = match (&error_).code() {
            _ => ::birpc::__private::None,
        };
        ::birpc::__private::Ok(known_.unwrap_or(Self { object: error_ }))
    }
}
#[automatically_derived]
impl ::birpc::__private::From<Anything> for ::birpc::__private::ErrorObject {
    fn from(error_: Anything) -> Self {
        ::birpc::__private::RpcError::into_error_object(error_)
    }
}
