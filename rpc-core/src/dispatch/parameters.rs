//! Converts params to the parameters of a served method. Values are decoded as they are; a stream is
//! represented by its number, and progress is not part of params.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::RpcError;
use crate::message::{Element, Given, GivenWire, NoPlace, Params, ParamsError, Single, SingleWith};
use crate::peer::argument_stream;
use crate::progress::Progress;
use crate::streaming::{StreamParam, Streaming};

/// A parameter of a served method.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be received as JSON",
    label = "`{Self}` needs serde's `Deserialize`",
    note = "derive it: `#[derive(serde::Deserialize)]`"
)]
pub trait ServedParam: Sized + Send {
    /// Whether it is a stream.
    const IS_STREAM: bool;
    /// Whether it is the call's progress.
    const IS_PROGRESS: bool = false;
    /// What represents it in params.
    type Wire: Element;

    /// Converts what was received for the parameter, in a call whose streams have been entered.
    ///
    /// # Errors
    /// The text says what is wrong with it.
    fn from_wire(wire: Self::Wire, call: &Context) -> Result<Self, &'static str>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + Send> ServedParam for T {
    const IS_STREAM: bool = false;
    type Wire = T;

    #[inline]
    fn from_wire(wire: T, _: &Context) -> Result<T, &'static str> {
        Ok(wire)
    }
}

impl<T: ServedParam<Wire: DeserializeOwned>> ServedParam for Given<T> {
    const IS_STREAM: bool = T::IS_STREAM;
    type Wire = GivenWire<T::Wire>;

    #[inline]
    fn from_wire(wire: Self::Wire, call: &Context) -> Result<Self, &'static str> {
        wire.0.map(|wire| T::from_wire(wire, call)).transpose().map(Given)
    }
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + Send + 'static, E: RpcError> ServedParam for Streaming<T, E> {
    const IS_STREAM: bool = true;
    type Wire = StreamParam;

    fn from_wire(wire: StreamParam, call: &Context) -> Result<Self, &'static str> {
        argument_stream(call.call(), wire)
            .ok_or("no stream of this call has this number, or another parameter has it")
    }
}

impl<T: Serialize> ServedParam for Progress<T> {
    const IS_STREAM: bool = false;
    const IS_PROGRESS: bool = true;
    type Wire = NoPlace;

    fn from_wire(_: NoPlace, call: &Context) -> Result<Self, &'static str> {
        Ok(Self::of_call(call.call()))
    }
}

/// The parameters of a served method.
pub trait Parameters: Sized + Send {
    /// What represents them in params.
    type Wire: Params;
    /// A bit for each parameter that is a stream, the lowest for the first.
    const STREAMS: u16;
    /// A bit for each parameter that has a place in params.
    const PLACES: u16;
    /// Whether one of them is the call's progress.
    const HAS_PROGRESS: bool;

    /// Converts what was received for the parameters, in a call whose streams have been entered.
    ///
    /// # Errors
    /// Says which parameter is wrong and how.
    fn from_wire(wire: Self::Wire, names: &[&str], call: &Context) -> Result<Self, ParamsError>;
}

/// A parameter that is the whole params is a value.
impl<T: ServedParam<Wire: DeserializeOwned>> Parameters for Single<T> {
    type Wire = Single<T::Wire>;
    const STREAMS: u16 = 0;
    const PLACES: u16 = 0;
    const HAS_PROGRESS: bool = false;

    #[inline]
    fn from_wire(wire: Self::Wire, _: &[&str], call: &Context) -> Result<Self, ParamsError> {
        T::from_wire(wire.0, call).map(Single).map_err(ParamsError::of_whole)
    }
}

impl<T, P> Parameters for SingleWith<T, P>
where
    T: ServedParam<Wire: DeserializeOwned>,
    P: ServedParam<Wire = NoPlace>,
{
    type Wire = Single<T::Wire>;
    const STREAMS: u16 = 0;
    const PLACES: u16 = 0;
    const HAS_PROGRESS: bool = P::IS_PROGRESS;

    #[inline]
    fn from_wire(wire: Self::Wire, _: &[&str], call: &Context) -> Result<Self, ParamsError> {
        let (value, progress) = (T::from_wire(wire.0, call), P::from_wire(NoPlace, call));
        value.and_then(|value| Ok(Self(value, progress?))).map_err(ParamsError::of_whole)
    }
}

macro_rules! tuples {
    ($($($T:ident $t:ident $index:literal)*;)*) => {$(
        impl<$($T: ServedParam),*> Parameters for ($($T,)*) {
            type Wire = ($($T::Wire,)*);
            const STREAMS: u16 = 0 $(| ($T::IS_STREAM as u16) << $index)*;
            const PLACES: u16 = 0 $(| (<$T::Wire as Element>::HAS_PLACE as u16) << $index)*;
            const HAS_PROGRESS: bool = false $(|| $T::IS_PROGRESS)*;

            #[inline]
            #[allow(unused_variables)] // for the tuple of none
            fn from_wire(wire: Self::Wire, names: &[&str], call: &Context) -> Result<Self, ParamsError> {
                let ($($t,)*) = wire;
                Ok(($(match $T::from_wire($t, call) {
                    Ok(parameter) => parameter,
                    Err(why) => return Err(ParamsError::about(names, $index, why)),
                },)*))
            }
        }
    )*};
}

tuples! {
    ;
    A a 0;
    A a 0 B b 1;
    A a 0 B b 1 C c 2;
    A a 0 B b 1 C c 2 D d 3;
    A a 0 B b 1 C c 2 D d 3 E e 4;
    A a 0 B b 1 C c 2 D d 3 E e 4 F f 5;
    A a 0 B b 1 C c 2 D d 3 E e 4 F f 5 G g 6;
    A a 0 B b 1 C c 2 D d 3 E e 4 F f 5 G g 6 H h 7;
    A a 0 B b 1 C c 2 D d 3 E e 4 F f 5 G g 6 H h 7 I i 8;
    A a 0 B b 1 C c 2 D d 3 E e 4 F f 5 G g 6 H h 7 I i 8 J j 9;
    A a 0 B b 1 C c 2 D d 3 E e 4 F f 5 G g 6 H h 7 I i 8 J j 9 K k 10;
    A a 0 B b 1 C c 2 D d 3 E e 4 F f 5 G g 6 H h 7 I i 8 J j 9 K k 10 L l 11;
    A a 0 B b 1 C c 2 D d 3 E e 4 F f 5 G g 6 H h 7 I i 8 J j 9 K k 10 L l 11 M m 12;
    A a 0 B b 1 C c 2 D d 3 E e 4 F f 5 G g 6 H h 7 I i 8 J j 9 K k 10 L l 11 M m 12 N n 13;
    A a 0 B b 1 C c 2 D d 3 E e 4 F f 5 G g 6 H h 7 I i 8 J j 9 K k 10 L l 11 M m 12 N n 13 O o 14;
    A a 0 B b 1 C c 2 D d 3 E e 4 F f 5 G g 6 H h 7 I i 8 J j 9 K k 10 L l 11 M m 12 N n 13 O o 14 P p 15;
}
