//! One HTTP/1.1 connection, stamped at the socket.
//!
//! The stamps are taken where bytes really move: at the read that brought them and at the flush that ended a
//! request. hyper reads no further while a piece of a body waits to be taken, so the last read stamp is that of the
//! piece in hand.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use benchmark_schemas::record::Nanos;
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::target::Target;
use super::{Fault, errors};
use crate::clock::Clock;

/// What happened on a connection's socket.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    read_at: Cell<Nanos>,
    bytes_read: Cell<u64>,
    written: Cell<bool>,
    flushed_at: Cell<Option<Nanos>>,
}

impl Stamps {
    /// Instant of the last read that brought bytes.
    pub(super) fn read_at(&self) -> Nanos {
        self.read_at.get()
    }

    /// Bytes read since the connection was opened.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read.get()
    }

    /// Instant at which all that was written since [`Stamps::reset_flush`] had been handed to the socket.
    pub(super) fn flushed_at(&self) -> Option<Nanos> {
        self.flushed_at.get()
    }

    /// Forgets earlier writes.
    pub(super) fn reset_flush(&self) {
        self.written.set(false);
        self.flushed_at.set(None);
    }
}

/// An open connection, ready for a request or busy with one.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Full<Bytes>>,
    pub(super) stamps: Rc<Stamps>,
    /// It carried an exchange before, or has been open for a while: the server may have closed it meanwhile.
    pub(super) used: bool,
}

/// Time after which the next address is tried, if there is one: a host that is gone does not answer at all.
const PER_ADDRESS_NS: Nanos = 3_000_000_000;

/// Connects to the first of `addresses` that answers; a task of the present runtime then drives the connection.
///
/// # Errors
///
/// Why there is none, by the last address tried.
pub(super) async fn open<C: Clock>(
    target: &Target,
    addresses: impl Iterator<Item = SocketAddr>,
    tls: Option<&Arc<ClientConfig>>,
    clock: &C,
) -> Result<Connection, Fault> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut addresses = addresses.peekable();
    while let Some(address) = addresses.next() {
        let is_last = addresses.peek().is_none();
        match connect(address, is_last, clock).await {
            Ok(stream) => {
                // Without it the kernel may hold back a small request; a refusal only costs time.
                let _ = stream.set_nodelay(true);
                return match tls {
                    None => start(stream, clock).await,
                    Some(config) => start(handshake(target, stream, config).await?, clock).await,
                };
            }
            Err(error) => last = error,
        }
    }
    Err(errors::unconnected(target, &last))
}

async fn connect<C: Clock>(address: SocketAddr, is_last: bool, clock: &C) -> io::Result<TcpStream> {
    if is_last {
        return TcpStream::connect(address).await;
    }
    tokio::select! {
        biased;
        connected = TcpStream::connect(address) => connected,
        () = clock.sleep_until(clock.now() + PER_ADDRESS_NS) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn handshake(
    target: &Target,
    stream: TcpStream,
    config: &Arc<ClientConfig>,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Fault> {
    let name = ServerName::try_from(target.host.clone())
        .map_err(|error| errors::handshake(target, &io::Error::other(error)))?;
    let connector = TlsConnector::from(Arc::clone(config));
    connector.connect(name, stream).await.map_err(|error| errors::handshake(target, &error))
}

async fn start<S, C>(stream: S, clock: &C) -> Result<Connection, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    C: Clock,
{
    let stamps = Rc::new(Stamps::default());
    let measured = Measured { stream, clock: clock.clone(), stamps: Rc::clone(&stamps) };
    let (sender, connection) =
        http1::handshake(TokioIo::new(measured)).await.map_err(|error| errors::before_head(&error))?;
    tokio::task::spawn_local(async move {
        // How it ended is told to whoever waits for a response on it.
        let _ = connection.await;
    });
    Ok(Connection { sender, stamps, used: false })
}

/// A stream whose reads and flushes are stamped.
struct Measured<S, C> {
    stream: S,
    clock: C,
    stamps: Rc<Stamps>,
}

impl<S: Unpin, C: Unpin> Measured<S, C> {
    fn parts(self: Pin<&mut Self>) -> (Pin<&mut S>, &C, &Stamps) {
        let this = self.get_mut();
        (Pin::new(&mut this.stream), &this.clock, &this.stamps)
    }
}

impl<S: AsyncRead + Unpin, C: Clock> AsyncRead for Measured<S, C> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (stream, clock, stamps) = self.parts();
        let before = buffer.filled().len();
        let result = stream.poll_read(context, buffer);
        let read = buffer.filled().len() - before;
        if read > 0 {
            stamps.read_at.set(clock.now());
            stamps.bytes_read.set(stamps.bytes_read.get() + read as u64);
        }
        result
    }
}

impl<S: AsyncWrite + Unpin, C: Clock> AsyncWrite for Measured<S, C> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let (stream, _, stamps) = self.parts();
        stamps.written.set(true);
        stream.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let (stream, _, stamps) = self.parts();
        stamps.written.set(true);
        stream.poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (stream, clock, stamps) = self.parts();
        let result = stream.poll_flush(context);
        if matches!(result, Poll::Ready(Ok(()))) && stamps.written.replace(false) {
            stamps.flushed_at.set(Some(clock.now()));
        }
        result
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.parts().0.poll_shutdown(context)
    }
}
