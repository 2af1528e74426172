//! The stream beneath a client's connection: the dialled stream, or TLS over it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Any bidirectional stream of bytes.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Io for T {}

/// A dialled stream.
pub(crate) enum Dialled {
    Tcp(TcpStream),
    Other(Pin<Box<dyn Io>>),
}

/// A dialled stream with or without TLS. It is one type, so that hyper returns the same type that it was
/// given.
pub(crate) enum Stream {
    Plain(Dialled),
    /// Boxed, so that connections without TLS do not pay for its size.
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::client::TlsStream<Dialled>>),
}

/// Calls a method of whichever variant this is.
macro_rules! whichever {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            Self::Tcp($inner) => $call,
            Self::Other($inner) => $call,
        }
    };
}

macro_rules! either {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            Self::Plain($inner) => $call,
            #[cfg(feature = "tls")]
            Self::Tls($inner) => $call,
        }
    };
}

/// The writing half, which is the same for both enums.
macro_rules! writes {
    ($stream:ty, $each:ident) => {
        impl AsyncWrite for $stream {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                $each!(&mut *self, inner => Pin::new(inner).poll_write(cx, buf))
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                $each!(&mut *self, inner => Pin::new(inner).poll_write_vectored(cx, bufs))
            }

            fn is_write_vectored(&self) -> bool {
                $each!(self, inner => inner.is_write_vectored())
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                $each!(&mut *self, inner => Pin::new(inner).poll_flush(cx))
            }

            fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                $each!(&mut *self, inner => Pin::new(inner).poll_shutdown(cx))
            }
        }
    };
}

writes!(Dialled, whichever);
writes!(Stream, either);

impl Dialled {
    /// The peer's address, if there is one.
    pub(crate) fn remote_addr(&self) -> Option<std::net::SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok(),
            Self::Other(_) => None,
        }
    }
}

impl AsyncRead for Dialled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        whichever!(&mut *self, inner => Pin::new(inner).poll_read(cx, buf))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf).map_err(without_close_notify),
        }
    }
}

/// rustls reports a stream that ends without a `close_notify` alert (RFC 8446 §6.1) with a link to its
/// manual.
#[cfg(feature = "tls")]
fn without_close_notify(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            io::Error::new(error.kind(), "the TLS connection ended without close_notify")
        }
        _ => error,
    }
}
