//! A stream that counts its bytes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use birpc_core::transport::Traffic;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that counts its bytes, to be put beneath a handshake. With it, [`WebSocket::counting`] sees each
/// byte, and not only whole messages.
///
/// ```
/// # use tokio::net::TcpStream;
/// use birpc_core::transport::Role;
/// use birpc_tungstenite::{Counted, WebSocket};
///
/// # async fn example(stream: TcpStream) -> Result<(), tokio_tungstenite::tungstenite::Error> {
/// let socket = tokio_tungstenite::accept_async(Counted::new(stream)).await?;
/// let transport = WebSocket::counting(socket, Role::Server);
/// # Ok(()) }
/// ```
///
/// [`WebSocket::counting`]: crate::WebSocket::counting
#[derive(Debug)]
pub struct Counted<S> {
    stream: S,
    traffic: Traffic,
}

impl<S> Counted<S> {
    /// Counts the bytes of a stream from now on.
    pub fn new(stream: S) -> Self {
        Self { stream, traffic: Traffic::default() }
    }

    /// The stream itself.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    pub(crate) fn traffic(&self) -> Traffic {
        self.traffic
    }

    fn wrote(&mut self, written: io::Result<usize>) -> Poll<io::Result<usize>> {
        if let Ok(written) = written {
            self.traffic.sent += written as u64;
        }
        Poll::Ready(written)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.traffic.received += (buf.filled().len() - before) as u64;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf));
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs));
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
