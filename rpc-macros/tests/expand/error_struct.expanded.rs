#[automatically_derived]
impl<K: Ord, const N: usize> ::birpc::__private::RpcError for Conflict<K, N>
where
    K: Clone,
    K: ::birpc::__private::Serialize + ::birpc::__private::DeserializeOwned
        + ::birpc::__private::Send + 'static,
    Self: ::birpc::__private::fmt::Display,
{
    fn into_error_object(self) -> ::birpc::__private::ErrorObject {
        let message = ::birpc::__private::ToString::to_string(&self);
        match self {
            Self { key } => {
                ::birpc::__private::error_with(
                    7,
                    message,
                    &::birpc::__private::Named(&["key"], (key,)),
                )
            }
        }
    }
    fn from_error_object(
        error: ::birpc::__private::ErrorObject,
    ) -> ::birpc::__private::Result<Self, ::birpc::__private::ErrorObject> {
        let known = match error.code() {
            7 => {
                ::birpc::__private::error_fields::<([K; N],)>(&error, &["key"])
                    .map(|(key,)| Self { key })
            }
            _ => ::birpc::__private::None,
        };
        known.ok_or(error)
    }
}
#[automatically_derived]
impl ::birpc::__private::RpcError for Gone {
    fn into_error_object(self) -> ::birpc::__private::ErrorObject {
        let message = ::birpc::__private::ToString::to_string(&self);
        match self {
            Self => ::birpc::__private::error(8, message),
        }
    }
    fn from_error_object(
        error: ::birpc::__private::ErrorObject,
    ) -> ::birpc::__private::Result<Self, ::birpc::__private::ErrorObject> {
        let known = match error.code() {
            8 => ::birpc::__private::Some(Self),
            _ => ::birpc::__private::None,
        };
        known.ok_or(error)
    }
}
