#[automatically_derived]
impl ::other::birpc::__private::RpcError for WithRest {
    fn into_error_object(self) -> ::other::birpc::__private::ErrorObject {
        let message = ::other::birpc::__private::ToString::to_string(&self);
        match self {
            Self::Known => ::other::birpc::__private::error(1, message),
            Self::Other(field0) => field0,
        }
    }
    fn from_error_object(
        error: ::other::birpc::__private::ErrorObject,
    ) -> ::other::birpc::__private::Result<
        Self,
        ::other::birpc::__private::ErrorObject,
    > {
        let known = match error.code() {
            1 => ::other::birpc::__private::Some(Self::Known),
            _ => ::other::birpc::__private::None,
        };
        ::other::birpc::__private::Ok(known.unwrap_or(Self::Other { 0: error }))
    }
}
#[automatically_derived]
impl ::birpc::__private::RpcError for Anything {
    fn into_error_object(self) -> ::birpc::__private::ErrorObject {
        let message = ::birpc::__private::ToString::to_string(&self);
        match self {
            Self { object } => object,
        }
    }
    fn from_error_object(
        error: ::birpc::__private::ErrorObject,
    ) -> ::birpc::__private::Result<Self, ::birpc::__private::ErrorObject> {
        let known = match error.code() {
            _ => ::birpc::__private::None,
        };
        ::birpc::__private::Ok(known.unwrap_or(Self { object: error }))
    }
}
