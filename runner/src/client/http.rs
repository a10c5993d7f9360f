//! The real transport: HTTP/1.1 over connections that the worker's runtime owns and uses again.
//!
//! Proxies are not used, redirects not followed, bodies not compressed: what is measured is the server.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use benchmark_schemas::record::{Failure, Nanos};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, Response, StatusCode};

use super::connection::{Connection, Stamps};
use super::{Exchange, Fault, Keep, MAX_RESPONSE_BYTES, SseDecoder, Transport, TransportSource, errors};
use crate::clock::Clock;
use crate::workload::Prepared;

mod pool;
mod settings;

use pool::Pool;
use settings::Shared;
pub use settings::{HttpSettings, HttpSource, SettingsError};

/// Time within which a connection that was closed while idle shows it.
const STALE_NS: Nanos = 100_000_000;

impl<C: Clock> TransportSource<C> for HttpSource {
    type Transport = HttpTransport<C>;

    fn for_worker(&self, clock: C, connections: Option<usize>) -> io::Result<HttpTransport<C>> {
        let pool = Pool::new(Arc::clone(&self.shared), clock.clone(), connections);
        Ok(HttpTransport { shared: Arc::clone(&self.shared), clock, pool })
    }
}

/// Exchanges of one worker.
pub struct HttpTransport<C> {
    shared: Arc<Shared>,
    clock: C,
    pool: Pool<C>,
}

impl<C: Clock> Transport for HttpTransport<C> {
    async fn prepare(&self, connections: usize) {
        self.pool.prepare(connections).await;
    }

    async fn exchange(&self, request: &Prepared, facts: &mut Exchange) -> Result<(), Fault> {
        self.attempt(request, facts).await.map_err(|fault| self.shared.without_secrets(fault))
    }
}

impl<C: Clock> HttpTransport<C> {
    async fn attempt(&self, request: &Prepared, facts: &mut Exchange) -> Result<(), Fault> {
        let _turn = self.pool.turn().await;
        let mut connection = self.pool.idle_or_new().await?;
        loop {
            let before = connection.stamps.bytes_read();
            let begun = self.clock.now();
            facts.connected = Some(begun);
            match self.send(&mut connection, request, facts).await {
                Ok(response) => return Ok(self.receive(connection, response, facts).await?),
                // The server closed it while it was idle, which is no failure of this request. A server that breaks
                // off later may have worked on the request: that is one, and sending it again would double the load.
                Err(_)
                    if connection.used
                        && connection.stamps.bytes_read() == before
                        && self.clock.now() - begun < STALE_NS =>
                {
                    connection = self.pool.open().await?;
                }
                Err(error) => return Err(errors::before_head(&error)),
            }
        }
    }

    async fn send(
        &self,
        connection: &mut Connection,
        request: &Prepared,
        facts: &mut Exchange,
    ) -> hyper::Result<Response<Incoming>> {
        let mut message = Request::new(Full::new(request.body.clone()));
        *message.method_mut() = Method::POST;
        message.uri_mut().clone_from(&self.shared.target.path);
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
        self.pool.put_back(connection);
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
