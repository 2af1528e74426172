//! Converts the parameters of a stub's method to what is sent. Values are sent as they are; a stream is
//! represented by its number, and progress is not part of params.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::RpcError;
use crate::message::{Argument, Arguments, Named, NoPlace, Null, Positional, SentNull, Single, SingleWith};
use crate::progress::Progress;
use crate::streaming::{Sources, StreamParam, Streaming};

/// A parameter of a stub's method.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as JSON",
    label = "`{Self}` needs serde's `Serialize`",
    note = "derive it: `#[derive(serde::Serialize)]`"
)]
pub trait CalledParam {
    /// What represents the parameter in the params.
    type Wire: Argument;

    /// Converts the parameter. A stream, or the listener of progress, is added to `sources`.
    fn into_wire(self, sources: &mut Sources) -> Self::Wire;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize> CalledParam for T {
    type Wire = T;

    #[inline]
    fn into_wire(self, _: &mut Sources) -> T {
        self
    }
}

impl<T: CalledParam> CalledParam for Null<T> {
    type Wire = SentNull<T::Wire>;

    #[inline]
    fn into_wire(self, sources: &mut Sources) -> Self::Wire {
        SentNull(self.0.into_wire(sources))
    }
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + 'static, E: RpcError> CalledParam for Streaming<T, E> {
    type Wire = StreamParam;

    fn into_wire(self, sources: &mut Sources) -> StreamParam {
        sources.add(self)
    }
}

impl<T: DeserializeOwned + 'static> CalledParam for Progress<T> {
    type Wire = NoPlace;

    fn into_wire(self, sources: &mut Sources) -> NoPlace {
        if let Some(listener) = self.into_listener() {
            sources.add_listener(listener);
        }
        NoPlace
    }
}

/// The parameters of a stub's method.
pub trait CalledTuple {
    /// What represents the parameters in the params.
    type Wire: Arguments;

    /// Converts the parameters. Streams are added to `sources`.
    fn into_wire(self, sources: &mut Sources) -> Self::Wire;
}

/// The params of a call of a stub.
pub trait SentParams {
    /// What is written.
    type Wire: Serialize;

    /// Converts the params. Streams are added to `sources`.
    fn into_wire(self, sources: &mut Sources) -> Self::Wire;
}

/// A method without parameters.
impl SentParams for () {
    type Wire = ();

    fn into_wire(self, _: &mut Sources) {}
}

impl<T: CalledParam<Wire: Serialize>> SentParams for Single<T> {
    type Wire = Single<T::Wire>;

    #[inline]
    fn into_wire(self, sources: &mut Sources) -> Self::Wire {
        Single(self.0.into_wire(sources))
    }
}

impl<T, P> SentParams for SingleWith<T, P>
where
    T: CalledParam<Wire: Serialize>,
    P: CalledParam<Wire = NoPlace>,
{
    type Wire = Single<T::Wire>;

    #[inline]
    fn into_wire(self, sources: &mut Sources) -> Self::Wire {
        self.1.into_wire(sources);
        Single(self.0.into_wire(sources))
    }
}

impl<P: CalledTuple> SentParams for Named<P> {
    type Wire = Named<P::Wire>;

    #[inline]
    fn into_wire(self, sources: &mut Sources) -> Self::Wire {
        Named(self.0, self.1.into_wire(sources))
    }
}

macro_rules! tuples {
    ($($($T:ident $t:ident)*;)*) => {$(
        impl<$($T: CalledParam),*> CalledTuple for ($($T,)*) {
            type Wire = ($($T::Wire,)*);

            #[inline]
            #[allow(unused_variables, clippy::unused_unit)] // for the empty tuple
            fn into_wire(self, sources: &mut Sources) -> Self::Wire {
                let ($($t,)*) = self;
                ($($t.into_wire(sources),)*)
            }
        }
    )*};
}

macro_rules! positional {
    ($($($T:ident)*;)*) => {$(
        /// Params by position. Each `None` at the end is omitted.
        impl<$($T: CalledParam),*> SentParams for ($($T,)*) {
            type Wire = Positional<($($T::Wire,)*)>;

            #[inline]
            fn into_wire(self, sources: &mut Sources) -> Self::Wire {
                Positional(CalledTuple::into_wire(self, sources))
            }
        }
    )*};
}

tuples! {
    ;
    A a;
    A a B b;
    A a B b C c;
    A a B b C c D d;
    A a B b C c D d E e;
    A a B b C c D d E e F f;
    A a B b C c D d E e F f G g;
    A a B b C c D d E e F f G g H h;
    A a B b C c D d E e F f G g H h I i;
    A a B b C c D d E e F f G g H h I i J j;
    A a B b C c D d E e F f G g H h I i J j K k;
    A a B b C c D d E e F f G g H h I i J j K k L l;
    A a B b C c D d E e F f G g H h I i J j K k L l M m;
    A a B b C c D d E e F f G g H h I i J j K k L l M m N n;
    A a B b C c D d E e F f G g H h I i J j K k L l M m N n O o;
    A a B b C c D d E e F f G g H h I i J j K k L l M m N n O o P p;
}

positional! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
    A B C D E F G H I;
    A B C D E F G H I J;
    A B C D E F G H I J K;
    A B C D E F G H I J K L;
    A B C D E F G H I J K L M;
    A B C D E F G H I J K L M N;
    A B C D E F G H I J K L M N O;
    A B C D E F G H I J K L M N O P;
}
