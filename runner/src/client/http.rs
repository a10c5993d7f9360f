//! The real transport: HTTP/1.1 over connections that the worker's runtime owns and uses again.
//!
//! Proxies are not used, redirects not followed, bodies not compressed: what is measured is the server.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use benchmark_schemas::record::{Failure, Nanos};
use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Semaphore;

use super::connection::{self, Connection, Stamps};
use super::{Exchange, Keep, MAX_RESPONSE_BYTES, SseDecoder, Transport, TransportSource, errors};
use crate::clock::Clock;
use crate::workload::Prepared;

mod settings;

use settings::Shared;
pub use settings::{HttpSettings, HttpSource, SettingsError};

/// Time for which an address that a name resolved to is used again.
const ADDRESSES_KEPT_NS: Nanos = 10_000_000_000;
/// Longest time that opening connections ahead may hold up a stage.
const PREPARE_NS: Nanos = 5_000_000_000;

/// Time within which a connection that was closed while idle shows it.
const STALE_NS: Nanos = 100_000_000;

impl<C: Clock> TransportSource<C> for HttpSource {
    type Transport = HttpTransport<C>;

    fn for_worker(&self, clock: C, connections: Option<usize>) -> io::Result<HttpTransport<C>> {
        Ok(HttpTransport {
            shared: Arc::clone(&self.shared),
            clock,
            idle: RefCell::default(),
            limit: connections,
            turns: connections.map(|limit| Semaphore::new(limit.min(Semaphore::MAX_PERMITS))),
            addresses: RefCell::default(),
        })
    }
}

/// The connections of one worker.
pub struct HttpTransport<C> {
    shared: Arc<Shared>,
    clock: C,
    /// Open and free, the one used last at the end.
    idle: RefCell<Vec<Connection>>,
    /// Connections at most.
    limit: Option<usize>,
    /// One turn for each connection that may be in use. New ones are opened only if none is idle, so this bounds
    /// their number too.
    turns: Option<Semaphore>,
    addresses: RefCell<Option<(Nanos, Rc<[SocketAddr]>)>>,
}

impl<C: Clock> Transport for HttpTransport<C> {
    async fn prepare(&self, connections: usize) {
        let within = connections.min(self.limit.unwrap_or(usize::MAX));
        let missing = within.saturating_sub(self.idle.borrow().len());
        let opened = join_all((0..missing).map(|_| async {
            match self.open().await {
                Ok(connection) => self.put_back(connection),
                Err(failure) => tracing::debug!("no connection ahead of the stage: {}", failure.message),
            }
        }));
        let limit = self.clock.sleep_until(self.clock.now() + PREPARE_NS);
        tokio::select! {
            _ = opened => {}
            () = limit => {}
        }
    }

    async fn exchange(&self, request: &Prepared, facts: &mut Exchange) -> Result<(), Failure> {
        self.attempt(request, facts).await.map_err(|failure| self.shared.without_secrets(failure))
    }
}

impl<C: Clock> HttpTransport<C> {
    async fn attempt(&self, request: &Prepared, facts: &mut Exchange) -> Result<(), Failure> {
        let _turn = match &self.turns {
            // The semaphore is never closed, so there is always a turn in the end.
            Some(turns) => turns.acquire().await.ok(),
            None => None,
        };
        let mut connection = self.idle_or_new().await?;
        loop {
            let before = connection.stamps.bytes_read();
            let begun = self.clock.now();
            match self.send(&mut connection, request, facts).await {
                Ok(response) => return self.receive(connection, response, facts).await,
                // The server closed it while it was idle, which is no failure of this request. A server that breaks
                // off later may have worked on the request: that is one, and sending it again would double the load.
                Err(_)
                    if connection.used
                        && connection.stamps.bytes_read() == before
                        && self.clock.now() - begun < STALE_NS =>
                {
                    connection = self.open().await?;
                }
                Err(error) => return Err(errors::before_head(&error)),
            }
        }
    }

    fn put_back(&self, mut connection: Connection) {
        if !connection.sender.is_closed() {
            connection.used = true;
            self.idle.borrow_mut().push(connection);
        }
    }

    fn take_idle(&self) -> Option<Connection> {
        self.idle.borrow_mut().pop()
    }

    async fn idle_or_new(&self) -> Result<Connection, Failure> {
        while let Some(mut connection) = self.take_idle() {
            // Ready as soon as its task has seen the end of the last exchange; an error if it was closed.
            if connection.sender.ready().await.is_ok() {
                return Ok(connection);
            }
        }
        self.open().await
    }

    async fn open(&self) -> Result<Connection, Failure> {
        let shared = &*self.shared;
        let opening = async {
            let addresses = self.addresses().await?;
            connection::open(&shared.target, &addresses, shared.tls.as_ref(), &self.clock).await
        };
        let Some(limit) = shared.connect_timeout else { return opening.await };
        tokio::select! {
            biased;
            opened = opening => opened,
            () = self.clock.sleep_until(self.clock.now().saturating_add(limit)) => {
                Err(errors::connect_timeout(&shared.target))
            }
        }
    }

    async fn addresses(&self) -> Result<Rc<[SocketAddr]>, Failure> {
        let target = &self.shared.target;
        if let Ok(address) = target.host.parse::<IpAddr>() {
            return Ok(Rc::from([SocketAddr::new(address, target.port)]));
        }
        let now = self.clock.now();
        if let Some((until, addresses)) = &*self.addresses.borrow()
            && now < *until
        {
            return Ok(Rc::clone(addresses));
        }
        let found: Vec<_> = tokio::net::lookup_host((target.host.as_str(), target.port))
            .await
            .map_err(|error| errors::unresolved(target, &error))?
            .collect();
        let addresses: Rc<[SocketAddr]> = Rc::from(found);
        *self.addresses.borrow_mut() = Some((now + ADDRESSES_KEPT_NS, Rc::clone(&addresses)));
        Ok(addresses)
    }

    async fn send(
        &self,
        connection: &mut Connection,
        request: &Prepared,
        facts: &mut Exchange,
    ) -> hyper::Result<Response<Incoming>> {
        let mut message = Request::new(Full::new(request.body.clone()));
        *message.method_mut() = Method::POST;
        // The path was a part of a good URL when the target was made.
        *message.uri_mut() = self.shared.target.path.parse().unwrap_or_default();
        message.headers_mut().clone_from(&self.shared.headers);
        connection.stamps.reset_flush();
        let stamps = Rc::clone(&connection.stamps);
        let written = SentGuard { stamps: &stamps, facts };
        let response = connection.sender.send_request(message).await?;
        drop(written);
        facts.head = Some(stamps.read_at());
        Ok(response)
    }

    async fn receive(
        &self,
        connection: Connection,
        response: Response<Incoming>,
        facts: &mut Exchange,
    ) -> Result<(), Failure> {
        let status = response.status();
        let content_type = content_type(&response);
        let is_json = content_type.contains("json");
        let success = status == StatusCode::OK;
        let mut reader = Reader {
            stamps: &connection.stamps,
            keep: self.shared.keep,
            events: (success && self.shared.streaming).then(SseDecoder::default),
            may_be_whole: is_json,
            whole: Vec::new(),
            error: None,
        };
        reader.read(response.into_body(), facts).await?;
        let Reader { whole, events, error, .. } = reader;
        self.put_back(connection);
        if !success {
            Err(errors::status(status, &whole))
        } else if events.is_some() {
            error.map_or(Ok(()), Err)
        } else if is_json {
            facts.add_body(&whole)
        } else {
            Err(errors::content_type(&content_type))
        }
    }
}

fn content_type(response: &Response<Incoming>) -> String {
    let value = response.headers().get(CONTENT_TYPE);
    value.and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase()
}

/// Notes when the request had been written, also if its future is dropped before an answer comes.
struct SentGuard<'a> {
    stamps: &'a Stamps,
    facts: &'a mut Exchange,
}

impl Drop for SentGuard<'_> {
    fn drop(&mut self) {
        self.facts.sent = self.stamps.flushed_at();
    }
}

/// Takes in a response's body.
struct Reader<'a> {
    stamps: &'a Stamps,
    keep: Keep,
    /// Present if the body is a stream of events.
    events: Option<SseDecoder>,
    /// The server says JSON where a stream was asked for: the first byte tells whether it means it.
    may_be_whole: bool,
    /// The body, if it is not.
    whole: Vec<u8>,
    /// The first error that an event reported.
    error: Option<Failure>,
}

impl Reader<'_> {
    async fn read(&mut self, mut body: Incoming, facts: &mut Exchange) -> Result<(), Failure> {
        let mut size = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| errors::in_body(&error))?;
            let at = self.stamps.read_at();
            let Ok(data) = frame.into_data() else { continue };
            facts.last_byte = Some(at);
            size += data.len();
            if size > MAX_RESPONSE_BYTES {
                return Err(errors::too_large(MAX_RESPONSE_BYTES));
            }
            self.take(&data, at, facts);
        }
        let at = self.stamps.read_at();
        facts.last_byte = Some(at);
        if let Some(events) = &mut self.events {
            let (keep, error) = (self.keep, &mut self.error);
            events.finish(|data| keep_first(error, facts.add_event(data, at, keep)));
        }
        Ok(())
    }

    fn take(&mut self, data: &Bytes, at: Nanos, facts: &mut Exchange) {
        if self.keep.response {
            facts.response.extend_from_slice(data);
        }
        if std::mem::take(&mut self.may_be_whole) && data.trim_ascii_start().starts_with(b"{") {
            self.events = None;
        }
        match &mut self.events {
            Some(events) => {
                let (keep, error) = (self.keep, &mut self.error);
                events.push(data, |event| keep_first(error, facts.add_event(event, at, keep)));
            }
            None => self.whole.extend_from_slice(data),
        }
    }
}

fn keep_first(error: &mut Option<Failure>, result: Result<(), Failure>) {
    if let Err(failure) = result {
        error.get_or_insert(failure);
    }
}

#[cfg(test)]
mod tests;
