#[automatically_derived]
impl<K: Ord, const N: usize> ::birpc::__private::RpcError for Conflict<K, N>
where
    K: Clone,
    [K; N]: ::birpc::__private::Serialize + ::birpc::__private::DeserializeOwned
        + ::birpc::__private::Send + 'static,
    Self: ::birpc::__private::fmt::Display + ::birpc::__private::Send + 'static,
{
    fn into_error_object(self) -> ::birpc::__private::ErrorObject {
        let message_ = ::birpc::__private::error_text(&self);
        match self {
            Self { key: field0_ } => {
                ::birpc::__private::error_with::<
                    ::birpc::__private::Fields<([K; N],)>,
                >(7, message_, &::birpc::__private::Fields(&["key"], (field0_,)))
            }
        }
    }
    fn from_error_object(
        error_: ::birpc::__private::ErrorObject,
    ) -> ::birpc::__private::Result<Self, ::birpc::__private::ErrorObject> {
        let known_ = match (&error_).code() {
            7 => {
                ::birpc::__private::error_fields::<([K; N],)>(&error_, &["key"])
                    .map(|(field0_,)| Self { key: field0_ })
            }
            _ => ::birpc::__private::None,
        };
        known_.ok_or(error_)
    }
}
#[automatically_derived]
impl<K: Ord, const N: usize> ::birpc::__private::From<Conflict<K, N>>
for ::birpc::__private::ErrorObject
where
    Conflict<K, N>: ::birpc::__private::RpcError,
{
    fn from(error_: Conflict<K, N>) -> Self {
        ::birpc::__private::RpcError::into_error_object(error_)
    }
}
#[automatically_derived]
impl ::birpc::__private::RpcError for Gone {
    fn into_error_object(self) -> ::birpc::__private::ErrorObject {
        let message_ = ::birpc::__private::error_text(&self);
        match self {
            Self => ::birpc::__private::error(8, message_),
        }
    }
    fn from_error_object(
        error_: ::birpc::__private::ErrorObject,
    ) -> ::birpc::__private::Result<Self, ::birpc::__private::ErrorObject> {
        let known_ = match (&error_).code() {
            8 => ::birpc::__private::Some(Self),
            _ => ::birpc::__private::None,
        };
        known_.ok_or(error_)
    }
}
#[automatically_derived]
impl ::birpc::__private::From<Gone> for ::birpc::__private::ErrorObject {
    fn from(error_: Gone) -> Self {
        ::birpc::__private::RpcError::into_error_object(error_)
    }
}
