/// What a room does.
trait Room<C: Config>: ::birpc::__private::Send + ::birpc::__private::Sync + 'static
where
    C: ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
{
    /// Posts.
    fn post(
        &self,
        cx: &Context,
        line: String,
        to: u8,
    ) -> impl ::birpc::__private::Future<
        Output = Result<C::Id, RoomError>,
    > + ::birpc::__private::Send;
    #[deprecated]
    #[cfg(unix)]
    fn told(
        &self,
        r#type: C::Kind,
    ) -> impl ::birpc::__private::Future<Output = ()> + ::birpc::__private::Send;
    fn lines(
        &self,
    ) -> impl ::birpc::__private::Future<
        Output = Result<Streaming<String>, RoomError>,
    > + ::birpc::__private::Send;
    fn log_in(
        &self,
        name: String,
    ) -> impl ::birpc::__private::Future<
        Output = Result<(), RoomError>,
    > + ::birpc::__private::Send;
    fn secret(
        &self,
    ) -> impl ::birpc::__private::Future<
        Output = Result<(), RoomError>,
    > + ::birpc::__private::Send;
}
/// Serves a [`Room`]: give it to a `Router`.
struct RoomServer<T, C>(
    ::birpc::__private::Arc<T>,
    ::birpc::__private::PhantomData<fn() -> (C,)>,
);
#[allow(deprecated)]
impl<T: Room<C>, C: Config> RoomServer<T, C>
where
    C: ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    Result<
        C::Id,
        RoomError,
    >: ::birpc::__private::MethodResult<Ok: ::birpc::__private::ServedBody>,
    C::Kind: ::birpc::__private::ServedParam + 'static,
{
    /// Serves an implementation.
    pub fn new(service_: T) -> Self {
        Self(::birpc::__private::Arc::new(service_), ::birpc::__private::PhantomData)
    }
    /// Serves an implementation that is shared with others.
    pub fn from_arc(service_: ::birpc::__private::Arc<T>) -> Self {
        Self(service_, ::birpc::__private::PhantomData)
    }
}
#[allow(deprecated)]
#[automatically_derived]
impl<T: Room<C>, C: Config> ::birpc::__private::Service for RoomServer<T, C>
where
    C: ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    Result<
        C::Id,
        RoomError,
    >: ::birpc::__private::MethodResult<Ok: ::birpc::__private::ServedBody>,
    C::Kind: ::birpc::__private::ServedParam + 'static,
{
    fn register(self, router_: &mut ::birpc::__private::Router) {
        static MARKS: ::birpc::__private::Marks = ::birpc::__private::Marks::new(
            &[
                ::birpc::__private::Sensitive {
                    method: "room.post",
                    params: &[(0, "line")],
                    all_params: false,
                    result: false,
                },
                ::birpc::__private::Sensitive {
                    method: "room.log_in",
                    params: &[],
                    all_params: true,
                    result: true,
                },
            ],
        );
        (&MARKS).set();
        let mut routes_ = ::birpc::__private::Routes::new(router_, self.0);
        (&mut routes_)
            .request::<
                (
                    ::birpc::__private::IdempotentParam<String>,
                    ::birpc::__private::Given<::birpc::__private::IdempotentParam<u8>>,
                ),
                Result<C::Id, RoomError>,
                _,
            >(
                &["room.post"],
                &["line", "to"],
                |me_, cx_, (line, to)| async move {
                    Room::post(
                            &*me_,
                            &cx_,
                            line,
                            to.or(::birpc::__private::Default::default),
                        )
                        .await
                },
            );
        #[cfg(unix)]
        (&mut routes_)
            .notification::<
                (C::Kind,),
                _,
            >(
                &["room.told"],
                &["type"],
                |me_, _, (r#type,)| async move { Room::told(&*me_, r#type).await },
            );
        (&mut routes_)
            .subscription(const {
                &::birpc::__private::subscription_form(
                    "room.line",
                    "room.leave",
                    ::birpc::__private::BadEnd::Error,
                    ::birpc::__private::SubscriptionIds::Text,
                )
            })
            .request::<
                (),
                ::birpc::__private::SubscriptionReply<
                    Result<Streaming<String>, RoomError>,
                >,
                _,
            >(
                &["room.lines"],
                &[],
                |me_, _, ()| async move { Room::lines(&*me_).await },
            );
        (&mut routes_)
            .request::<
                (::birpc::__private::Param<String>,),
                ::birpc::__private::Reply<Result<(), RoomError>>,
                _,
            >(
                &["room.log_in"],
                &["name"],
                |me_, _, (name,)| async move { Room::log_in(&*me_, name).await },
            );
        (&mut routes_)
            .request::<
                (),
                ::birpc::__private::Reply<Result<(), RoomError>>,
                _,
            >(
                &["room.secret"],
                &[],
                |me_, _, ()| async move { Room::secret(&*me_).await },
            );
    }
}
#[allow(deprecated)]
impl<T, C> ::birpc::__private::fmt::Debug for RoomServer<T, C> {
    fn fmt(&self, f_: ::birpc::__private::Format<'_, '_>) -> ::birpc::__private::Fmt {
        f_.write_str("RoomServer")
    }
}
/// Calls a [`Room`] at the other end of a connection.
struct RoomClient<C>(
    ::birpc::__private::Peer,
    ::birpc::__private::PhantomData<fn() -> (C,)>,
);
#[automatically_derived]
impl<C> ::birpc::__private::Clone for RoomClient<C> {
    fn clone(&self) -> Self {
        Self(::birpc::__private::Clone::clone(&self.0), ::birpc::__private::PhantomData)
    }
}
#[automatically_derived]
impl<C> ::birpc::__private::fmt::Debug for RoomClient<C> {
    fn fmt(
        &self,
        f_: &mut ::birpc::__private::fmt::Formatter<'_>,
    ) -> ::birpc::__private::fmt::Result {
        f_.debug_tuple("RoomClient").field(&self.0).finish()
    }
}
impl<C: Config> RoomClient<C>
where
    C: ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    Result<
        C::Id,
        RoomError,
    >: ::birpc::__private::MethodResult<Ok: ::birpc::__private::CalledBody>,
    C::Kind: ::birpc::__private::CalledParam,
{
    /// Posts.
    pub fn post(
        &self,
        line: String,
        to: u8,
    ) -> ::birpc::__private::Call<Result<C::Id, RoomError>> {
        ::birpc::__private::request::<
            Result<C::Id, RoomError>,
            (
                ::birpc::__private::IdempotentParam<String>,
                ::birpc::__private::IdempotentParam<u8>,
            ),
        >(&self.0, "room.post", (line, to))
            .idempotent()
    }
    /// Calls `room.told`.
    #[deprecated]
    #[cfg(unix)]
    pub fn told(&self, r#type: C::Kind) -> ::birpc::__private::Notify {
        ::birpc::__private::notification::<
            ::birpc::__private::Named<(C::Kind,)>,
        >(&self.0, "room.told", ::birpc::__private::Named(&["type"], (r#type,)))
    }
    /// Calls `room.lines`.
    pub fn lines(
        &self,
    ) -> ::birpc::__private::Call<Result<Streaming<String>, RoomError>> {
        ::birpc::__private::subscribed(
            ::birpc::__private::request::<
                ::birpc::__private::SubscriptionReply<
                    Result<Streaming<String>, RoomError>,
                >,
                (),
            >(&self.0, "room.lines", ()),
            const {
                &::birpc::__private::subscription_form(
                    "room.line",
                    "room.leave",
                    ::birpc::__private::BadEnd::Error,
                    ::birpc::__private::SubscriptionIds::Text,
                )
            },
        )
    }
    /// Calls `room.log_in`.
    pub fn log_in(
        &self,
        name: String,
    ) -> ::birpc::__private::Call<Result<(), RoomError>> {
        ::birpc::__private::sensitive(
            ::birpc::__private::request::<
                ::birpc::__private::Reply<Result<(), RoomError>>,
                (::birpc::__private::Param<String>,),
            >(&self.0, "room.log_in", (name,)),
        )
    }
    /// Calls `room.secret`.
    pub fn secret(&self) -> ::birpc::__private::Call<Result<(), RoomError>> {
        ::birpc::__private::request::<
            ::birpc::__private::Reply<Result<(), RoomError>>,
            (),
        >(&self.0, "room.secret", ())
    }
    /// Creates a batch: its calls are sent together in one JSON-RPC message.
    pub fn batch(&self) -> ::birpc::__private::Batch<RoomBatch<C>> {
        ::birpc::__private::batch(&self.0, RoomBatch)
    }
    /// Sets a timeout for each call of this stub. A call that takes longer is cancelled.
    #[must_use]
    pub fn with_timeout(self, timeout_: ::birpc::__private::Duration) -> Self {
        Self(self.0.with_timeout(timeout_), ::birpc::__private::PhantomData)
    }
    /// The peer that this stub calls.
    #[must_use]
    pub fn peer(&self) -> &::birpc::__private::Peer {
        &self.0
    }
}
#[automatically_derived]
impl<C> ::birpc::__private::From<::birpc::__private::Peer> for RoomClient<C> {
    fn from(peer_: ::birpc::__private::Peer) -> Self {
        static MARKS: ::birpc::__private::Marks = ::birpc::__private::Marks::new(
            &[
                ::birpc::__private::Sensitive {
                    method: "room.post",
                    params: &[(0, "line")],
                    all_params: false,
                    result: false,
                },
                ::birpc::__private::Sensitive {
                    method: "room.log_in",
                    params: &[],
                    all_params: true,
                    result: true,
                },
            ],
        );
        (&MARKS).set();
        Self(peer_, ::birpc::__private::PhantomData)
    }
}
/// Collects calls of a [`Room`] for one JSON-RPC batch.
#[derive(::birpc::__private::fmt::Debug)]
struct RoomBatch<C>(RoomClient<C>, ::birpc::__private::BatchCalls);
#[allow(deprecated)]
impl<C: Config> RoomBatch<C>
where
    C: ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    Result<
        C::Id,
        RoomError,
    >: ::birpc::__private::MethodResult<Ok: ::birpc::__private::CalledBody>,
    C::Kind: ::birpc::__private::CalledParam,
{
    /// Posts.
    #[inline]
    pub fn post(
        &mut self,
        line: String,
        to: u8,
    ) -> ::birpc::__private::BatchCall<Result<C::Id, RoomError>> {
        ::birpc::__private::batch_call(&mut self.1, RoomClient::post(&self.0, line, to))
    }
    /// Calls `room.told`.
    #[deprecated]
    #[cfg(unix)]
    #[inline]
    pub fn told(&mut self, r#type: C::Kind) {
        ::birpc::__private::batch_notification(
            &mut self.1,
            RoomClient::told(&self.0, r#type),
        )
    }
    /// Calls `room.lines`.
    #[inline]
    pub fn lines(
        &mut self,
    ) -> ::birpc::__private::BatchCall<Result<Streaming<String>, RoomError>> {
        ::birpc::__private::batch_call(&mut self.1, RoomClient::lines(&self.0))
    }
    /// Calls `room.log_in`.
    #[inline]
    pub fn log_in(
        &mut self,
        name: String,
    ) -> ::birpc::__private::BatchCall<Result<(), RoomError>> {
        ::birpc::__private::batch_call(&mut self.1, RoomClient::log_in(&self.0, name))
    }
    /// Calls `room.secret`.
    #[inline]
    pub fn secret(&mut self) -> ::birpc::__private::BatchCall<Result<(), RoomError>> {
        ::birpc::__private::batch_call(&mut self.1, RoomClient::secret(&self.0))
    }
}
/// Describes [`Room`]: give it to a `Contract`.
#[allow(dead_code)]
#[derive(::birpc::__private::fmt::Debug)]
struct RoomContract<C>(::birpc::__private::PhantomData<fn() -> (C,)>);
#[automatically_derived]
impl<C: Config> ::birpc::__private::Describe for RoomContract<C>
where
    C: ::birpc::__private::Send + ::birpc::__private::Sync + 'static,
    Result<C::Id, RoomError>: ::birpc::__private::DescribedResult,
    C::Kind: ::birpc::__private::DescribedParam + ::birpc::__private::ServedParam,
{
    fn describe() -> ::birpc::__private::Description {
        let mut methods_ = ::birpc::__private::Describing::new(
            "Room",
            &[" What a room does."],
        );
        (&mut methods_)
            .method("room.post", "post", &[" Posts."])
            .idempotent()
            .param::<String>("line")
            .sensitive_param()
            .param_with_default::<u8>("to")
            .request::<Result<C::Id, RoomError>>();
        #[cfg(unix)]
        (&mut methods_)
            .method("room.told", "told", &[])
            .named()
            .deprecated()
            .param::<C::Kind>("type")
            .notification();
        (&mut methods_)
            .method("room.lines", "lines", &[])
            .subscription::<
                Result<Streaming<String>, RoomError>,
            >(const {
                &::birpc::__private::subscription_form(
                    "room.line",
                    "room.leave",
                    ::birpc::__private::BadEnd::Error,
                    ::birpc::__private::SubscriptionIds::Text,
                )
            });
        (&mut methods_)
            .method("room.log_in", "log_in", &[])
            .sensitive()
            .param::<String>("name")
            .request::<Result<(), RoomError>>();
        methods_.finish()
    }
}
#[allow(dead_code)]
trait Page: ::birpc::__private::Send + ::birpc::__private::Sync + 'static {
    fn title(
        &self,
        of: Option<u8>,
    ) -> impl ::birpc::__private::Future<
        Output = Answer<String>,
    > + ::birpc::__private::Send;
}
/// Calls a [`Page`] at the other end of a connection.
#[derive(::birpc::__private::Clone, ::birpc::__private::fmt::Debug)]
struct PageClient(::birpc::__private::Peer);
impl PageClient {
    /// Calls `title`.
    pub fn title(&self, of: Option<u8>) -> ::birpc::__private::Call<Answer<String>> {
        ::birpc::__private::request::<
            ::birpc::__private::ReceivedReply<Answer<String>>,
            (::birpc::__private::Sent<Option<u8>>,),
        >(&self.0, "title", (of,))
    }
    /// Creates a batch: its calls are sent together in one JSON-RPC message.
    pub fn batch(&self) -> ::birpc::__private::Batch<PageBatch> {
        ::birpc::__private::batch(&self.0, PageBatch)
    }
    /// Sets a timeout for each call of this stub. A call that takes longer is cancelled.
    #[must_use]
    pub fn with_timeout(self, timeout_: ::birpc::__private::Duration) -> Self {
        Self(self.0.with_timeout(timeout_))
    }
    /// The peer that this stub calls.
    #[must_use]
    pub fn peer(&self) -> &::birpc::__private::Peer {
        &self.0
    }
}
#[automatically_derived]
impl ::birpc::__private::From<::birpc::__private::Peer> for PageClient {
    fn from(peer_: ::birpc::__private::Peer) -> Self {
        Self(peer_)
    }
}
/// Collects calls of a [`Page`] for one JSON-RPC batch.
#[derive(::birpc::__private::fmt::Debug)]
struct PageBatch(PageClient, ::birpc::__private::BatchCalls);
impl PageBatch {
    /// Calls `title`.
    #[inline]
    pub fn title(
        &mut self,
        of: Option<u8>,
    ) -> ::birpc::__private::BatchCall<Answer<String>> {
        ::birpc::__private::batch_call(&mut self.1, PageClient::title(&self.0, of))
    }
}
/// Describes [`Page`]: give it to a `Contract`.
#[allow(dead_code)]
#[derive(::birpc::__private::fmt::Debug)]
struct PageContract;
#[automatically_derived]
impl ::birpc::__private::Describe for PageContract {
    fn describe() -> ::birpc::__private::Description {
        let mut methods_ = ::birpc::__private::Describing::new("Page", &[]);
        (&mut methods_)
            .method("title", "title", &[])
            .called_param::<Option<u8>>("of")
            .request::<Answer<String>>();
        methods_.finish()
    }
}
#[automatically_derived]
impl ::birpc::__private::RpcError for RoomError {
    fn into_error_object(self) -> ::birpc::__private::ErrorObject {
        let message_ = ::birpc::__private::error_text(&self);
        match self {
            Self::Empty => ::birpc::__private::error(1, message_),
            Self::TooLong { max: field0_, r#in: field1_ } => {
                ::birpc::__private::error_with::<
                    ::birpc::__private::Fields<
                        (
                            ::birpc::__private::Param<usize>,
                            ::birpc::__private::Param<String>,
                        ),
                    >,
                >(
                    2,
                    message_,
                    &::birpc::__private::Fields(&["max", "in"], (field0_, field1_)),
                )
            }
            Self::One(field0_) => {
                ::birpc::__private::error_with::<
                    ::birpc::__private::Only<::birpc::__private::Param<Vec<u8>>>,
                >(3, message_, &::birpc::__private::Only(field0_))
            }
            Self::Two(field0_, field1_) => {
                ::birpc::__private::error_with::<
                    (::birpc::__private::Param<u8>, ::birpc::__private::Param<String>),
                >(4, message_, &(field0_, field1_))
            }
            Self::Other(field0_) => field0_,
        }
    }
    fn from_error_object(
        error_: ::birpc::__private::ErrorObject,
    ) -> ::birpc::__private::Result<Self, ::birpc::__private::ErrorObject> {
        let known_ = match (&error_).code() {
            1 => ::birpc::__private::Some(Self::Empty),
            2 => {
                ::birpc::__private::error_fields::<
                    (::birpc::__private::Param<usize>, ::birpc::__private::Param<String>),
                >(&error_, &["max", "in"])
                    .map(|(field0_, field1_)| Self::TooLong {
                        max: field0_,
                        r#in: field1_,
                    })
            }
            3 => {
                ::birpc::__private::error_only::<
                    ::birpc::__private::Param<Vec<u8>>,
                >(&error_)
                    .map(|field0_| Self::One(field0_))
            }
            4 => {
                ::birpc::__private::error_data::<
                    (::birpc::__private::Param<u8>, ::birpc::__private::Param<String>),
                >(&error_)
                    .map(|(field0_, field1_)| Self::Two(field0_, field1_))
            }
            _ => ::birpc::__private::None,
        };
        ::birpc::__private::Ok(known_.unwrap_or(Self::Other { 0: error_ }))
    }
}
#[automatically_derived]
impl ::birpc::__private::From<RoomError> for ::birpc::__private::ErrorObject {
    fn from(error_: RoomError) -> Self {
        ::birpc::__private::RpcError::into_error_object(error_)
    }
}
#[automatically_derived]
impl ::birpc::__private::DescribeError for RoomError {
    fn describe(
        types_: &mut ::birpc::__private::Types,
    ) -> ::birpc::__private::Option<::birpc::__private::ErrorType> {
        let error_ = ::birpc::__private::ErrorType::new("RoomError");
        let error_ = error_.with(1, "Nobody is there.", ::birpc::__private::None);
        let error_ = error_
            .with(
                2,
                "more than {max} characters",
                ::birpc::__private::Some(
                    ::birpc::__private::object(
                        &[
                            ("max", types_.schema::<usize>()),
                            ("in", types_.schema::<String>()),
                        ],
                    ),
                ),
            );
        let error_ = error_
            .with(3, "One", ::birpc::__private::Some(types_.schema::<Vec<u8>>()));
        let error_ = error_
            .with(4, "Two", ::birpc::__private::Some(types_.schema::<(u8, String)>()));
        ::birpc::__private::Some(error_)
    }
}
