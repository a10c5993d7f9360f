//! One TCP or TLS connection: opened, written to, and read with a stamp at every read.
//!
//! A whole exchange runs in one task, with no queue between the socket and whoever takes the bytes: what a read brings is
//! looked at before anything else happens. It knows nothing of HTTP.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use benchmark_schemas::record::Nanos;
use bytes::Buf;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::target::Target;
use super::{Fault, errors};
use crate::clock::Clock;

/// Bytes that one read takes at most.
const READ_BYTES: usize = 64 << 10;
/// Time after which the next address is tried, if there is one: a host that is gone does not answer at all.
const PER_ADDRESS_NS: Nanos = 3_000_000_000;

/// Where reads of all connections of a worker put their bytes, one after the other.
pub(super) struct Scratch(RefCell<Box<[u8]>>);

impl Default for Scratch {
    fn default() -> Self {
        Self(RefCell::new(vec![0; READ_BYTES].into_boxed_slice()))
    }
}

/// An open connection.
pub(super) struct Connection {
    stream: Either<TcpStream, Box<TlsStream<TcpStream>>>,
    /// It carried an exchange before, or has been open for a while: the server may have closed it meanwhile.
    pub(super) used: bool,
}

/// Connects to the first of `addresses` that answers.
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
                let stream = match tls {
                    None => Either::Left(stream),
                    Some(config) => Either::Right(Box::new(handshake(target, stream, config).await?)),
                };
                return Ok(Connection { stream, used: false });
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
) -> Result<TlsStream<TcpStream>, Fault> {
    let name = ServerName::try_from(target.host.clone())
        .map_err(|error| errors::handshake(target, &io::Error::other(error)))?;
    let connector = TlsConnector::from(Arc::clone(config));
    connector.connect(name, stream).await.map_err(|error| errors::handshake(target, &error))
}

impl Connection {
    /// Writes `message` whole; it has been handed to the socket when this ends.
    pub(super) async fn write(&mut self, mut message: impl Buf) -> io::Result<()> {
        self.stream.write_all_buf(&mut message).await?;
        self.stream.flush().await
    }

    /// Waits for bytes and gives them to `take` at once; none is the end of the connection.
    pub(super) async fn read<R>(
        &mut self,
        scratch: &Scratch,
        mut take: impl FnMut(&[u8]) -> R,
    ) -> io::Result<R> {
        std::future::poll_fn(|context| {
            let mut scratch = scratch.0.borrow_mut();
            let mut buffer = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            Poll::Ready(Ok(take(buffer.filled())))
        })
        .await
    }

    /// Whether an idle connection can be used: the server has neither closed it nor sent anything unasked.
    pub(super) async fn is_usable(&mut self) -> bool {
        let mut byte = [0];
        std::future::poll_fn(|context| {
            let read = Pin::new(&mut self.stream).poll_read(context, &mut ReadBuf::new(&mut byte));
            Poll::Ready(read.is_pending())
        })
        .await
    }
}
