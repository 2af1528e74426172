//! Params as they come to the parameters of a method: values are themselves, streams have a number there.

use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::RpcError;
use crate::message::{Given, GivenWire, Params, ParamsError, Single};
use crate::peer::argument_stream;
use crate::streaming::{StreamParam, Streaming};

/// What a method takes as a parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be received as JSON",
    label = "`{Self}` needs serde's `Deserialize`",
    note = "derive it: `#[derive(serde::Deserialize)]`"
)]
pub trait ServedParam: Sized + Send {
    /// Whether it is a stream.
    const IS_STREAM: bool;
    /// What stands for it in params.
    type Wire: DeserializeOwned + Send;

    /// The parameter, of a call that is entered.
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

impl<T: ServedParam> ServedParam for Given<T> {
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

/// The parameters of a method.
pub trait Parameters: Sized + Send {
    /// What stands for them in params.
    type Wire: Params;
    /// Which of them are streams: a bit each, the first is the lowest.
    const STREAMS: u16;

    /// The parameters, of a call that is entered.
    ///
    /// # Errors
    /// Says which is wrong and how.
    fn from_wire(wire: Self::Wire, names: &[&str], call: &Context) -> Result<Self, ParamsError>;
}

/// No value that is the whole of params is a stream.
impl<T: ServedParam> Parameters for Single<T> {
    type Wire = Single<T::Wire>;
    const STREAMS: u16 = 0;

    #[inline]
    fn from_wire(wire: Self::Wire, _: &[&str], call: &Context) -> Result<Self, ParamsError> {
        T::from_wire(wire.0, call).map(Single).map_err(ParamsError::of_whole)
    }
}

macro_rules! tuples {
    ($($($T:ident $t:ident $index:literal)*;)*) => {$(
        impl<$($T: ServedParam),*> Parameters for ($($T,)*) {
            type Wire = ($($T::Wire,)*);
            const STREAMS: u16 = 0 $(| ($T::IS_STREAM as u16) << $index)*;

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
