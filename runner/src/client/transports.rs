//! The transports of a run: to a server, or to nobody.

use std::io;

use super::http::{HttpSource, HttpTransport};
use super::mock::{MockSource, MockTransport};
use super::{Exchange, Fault, Secrets, Transport, TransportSource};
use crate::clock::Clock;
use crate::workload::Prepared;

/// What makes the transports of a run.
#[derive(Clone)]
pub enum Transports {
    /// To a server.
    Http(HttpSource),
    /// To nobody: `server.type: mock`.
    Mock(MockSource),
}

/// A worker's transport.
pub enum AnyTransport<C> {
    /// To a server.
    Http(HttpTransport<C>),
    /// To nobody.
    Mock(MockTransport<C>),
}

impl Transports {
    /// What nobody may see of what comes back.
    pub fn secrets(&self) -> Secrets {
        match self {
            Self::Http(source) => source.secrets().clone(),
            Self::Mock(_) => Secrets::default(),
        }
    }
}

impl<C: Clock> TransportSource<C> for Transports {
    type Transport = AnyTransport<C>;

    fn for_worker(&self, clock: C, connections: Option<usize>) -> io::Result<AnyTransport<C>> {
        Ok(match self {
            Self::Http(source) => AnyTransport::Http(source.for_worker(clock, connections)?),
            Self::Mock(source) => AnyTransport::Mock(source.for_worker(clock, connections)?),
        })
    }
}

impl<C: Clock> Transport for AnyTransport<C> {
    async fn prepare(&self, connections: usize) {
        match self {
            Self::Http(transport) => transport.prepare(connections).await,
            Self::Mock(transport) => transport.prepare(connections).await,
        }
    }

    async fn exchange(&self, request: &Prepared, facts: &mut Exchange) -> Result<(), Fault> {
        match self {
            Self::Http(transport) => transport.exchange(request, facts).await,
            Self::Mock(transport) => transport.exchange(request, facts).await,
        }
    }
}
