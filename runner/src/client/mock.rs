//! Server type `mock`: no server and no network. Every request is answered after a second, by nothing.

use std::io;

use benchmark_schemas::record::Nanos;

use super::{Exchange, Fault, Transport, TransportSource};
use crate::clock::Clock;
use crate::workload::Prepared;

/// Time from the request to its answer: upstream's.
const LATENCY_NS: Nanos = 1_000_000_000;

/// Makes the transports of the workers.
#[derive(Debug, Clone, Copy, Default)]
pub struct MockSource;

/// Exchanges with nobody.
#[derive(Debug)]
pub struct MockTransport<C> {
    clock: C,
}

impl<C: Clock> TransportSource<C> for MockSource {
    type Transport = MockTransport<C>;

    fn for_worker(&self, clock: C, _connections: Option<usize>) -> io::Result<MockTransport<C>> {
        Ok(MockTransport { clock })
    }
}

impl<C: Clock> Transport for MockTransport<C> {
    async fn prepare(&self, _connections: usize) {}

    async fn exchange(&self, _request: &Prepared, facts: &mut Exchange) -> Result<(), Fault> {
        let now = self.clock.now();
        // It has answered as far as it ever will, so a time-out has upstream's empty message.
        facts.head = Some(now);
        self.clock.sleep_until(now + LATENCY_NS).await;
        facts.last_byte = Some(self.clock.now());
        facts.known_tokens = Some((0, 0));
        Ok(())
    }
}
