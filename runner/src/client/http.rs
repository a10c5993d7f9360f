//! The real transport: HTTP/1.1 over connections that the worker's runtime owns and uses again.
//!
//! Proxies are not used, redirects not followed, bodies not compressed: what is measured is the server. Heads are parsed
//! by the library that hyper uses too; bodies are taken apart here, because a queue and a second task between the socket
//! and the stamp cost as much as all the rest.

use std::io;
use std::sync::Arc;

use benchmark_schemas::record::{Failure, Nanos};
use bytes::Buf as _;

use super::connection::{Connection, Scratch};
use super::{
    Exchange, Fault, Keep, MAX_RESPONSE_BYTES, Secrets, SseDecoder, Transport, TransportSource, errors,
};
use crate::clock::Clock;
use crate::workload::Prepared;

mod answer;
mod body;
mod pool;
mod response;
mod settings;

use answer::Answer;
use pool::Pool;
use settings::Shared;
pub(crate) use settings::authorisation;
pub use settings::{HttpSettings, HttpSource, SettingsError, route};

/// Time within which a connection that was closed while idle shows it.
const STALE_NS: Nanos = 100_000_000;

impl<C: Clock> TransportSource<C> for HttpSource {
    type Transport = HttpTransport<C>;

    fn for_worker(&self, clock: C, connections: Option<usize>) -> io::Result<HttpTransport<C>> {
        let pool = Pool::new(Arc::clone(&self.shared), clock.clone(), connections);
        Ok(HttpTransport { shared: Arc::clone(&self.shared), clock, pool, scratch: Scratch::default() })
    }
}

/// Exchanges of one worker.
pub struct HttpTransport<C> {
    shared: Arc<Shared>,
    clock: C,
    pool: Pool<C>,
    scratch: Scratch,
}

impl<C: Clock> Transport for HttpTransport<C> {
    async fn prepare(&self, connections: usize) {
        self.pool.prepare(connections).await;
    }

    async fn exchange(&self, request: &Prepared, facts: &mut Exchange) -> Result<(), Fault> {
        self.attempt(request, facts).await.map_err(|mut fault| {
            fault.failure.message = self.shared.secrets.masked(fault.failure.message);
            fault
        })
    }
}

/// An exchange broke before its answer was whole.
struct Broken {
    fault: Fault,
    /// The server had begun to answer.
    answered: bool,
}

impl<C: Clock> HttpTransport<C> {
    async fn attempt(&self, request: &Prepared, facts: &mut Exchange) -> Result<(), Fault> {
        let _turn = self.pool.turn().await;
        let mut connection = self.pool.idle_or_new().await?;
        loop {
            let begun = self.clock.now();
            facts.connected = Some(begun);
            match self.round_trip(&mut connection, request, facts).await {
                Ok(answer) => {
                    if answer.leaves_connection_open() {
                        self.pool.put_back(connection);
                    }
                    return Ok(answer.outcome(facts, &self.shared.secrets)?);
                }
                // The server closed it while it was idle, which is no failure of this request. A server that breaks
                // off later may have worked on the request: that is one, and sending it again would double the load.
                Err(broken) if connection.used && !broken.answered && self.clock.now() - begun < STALE_NS => {
                    connection = self.pool.open().await?;
                }
                Err(broken) => return Err(broken.fault),
            }
        }
    }

    async fn round_trip(
        &self,
        connection: &mut Connection,
        request: &Prepared,
        facts: &mut Exchange,
    ) -> Result<Answer, Broken> {
        let head = self.shared.request_head(request.body.len());
        let written = connection.write(head.chain(request.body.clone())).await;
        if written.is_ok() {
            facts.sent = Some(self.clock.now());
        }
        // A server that refuses a request may answer before it has read all of it, so what it says is read in any case.
        let mut answer = Answer::new(self.shared.streaming, self.shared.reading, self.shared.keep);
        loop {
            let read =
                connection.read(&self.scratch, |bytes| answer.take(bytes, self.clock.now(), facts)).await;
            let ended = match (read, &written) {
                (Ok(taken), _) => taken,
                (Err(_), Err(error)) if !answer.has_begun() => Err(errors::broken(error)),
                (Err(error), _) if answer.has_head() => {
                    Err(errors::in_body(&errors::os_message(&error)).into())
                }
                (Err(error), _) => Err(errors::broken(&error)),
            };
            match ended {
                Ok(true) => return Ok(answer),
                Ok(false) => {}
                Err(fault) => return Err(Broken { fault, answered: answer.has_begun() }),
            }
        }
    }
}

#[cfg(test)]
mod tests;
