//! A server in memory: slots, a queue in order of arrival, service times of a known law.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use benchmark_schemas::record::{Failure, Nanos};
use bytes::Bytes;
use rand::RngExt as _;
use tokio::sync::Semaphore;

use crate::client::{Exchange, Fault, Transport, TransportSource};
use crate::clock::{Clock, nanos_from_seconds};
use crate::seed::{Purpose, Seed};
use crate::workload::{Drawn, Prepared, Workload};

/// How long a request takes once it has a slot.
#[derive(Debug, Clone, Copy)]
pub(super) enum Service {
    /// Exponential times by which all slots together complete `rate` requests/s.
    Exponential { rate: f64, seed: u64 },
    /// Always the same.
    Fixed { seconds: f64 },
}

#[derive(Debug, Clone)]
pub(super) struct Server {
    slots: Arc<Semaphore>,
    slot_count: usize,
    service: Service,
    /// Requests that may wait for a slot before others are refused.
    queue_limit: Option<usize>,
    waiting: Arc<AtomicUsize>,
}

impl Server {
    pub(super) fn new(slots: usize, service: Service) -> Self {
        let semaphore = Arc::new(Semaphore::new(slots));
        Self { slots: semaphore, slot_count: slots, service, queue_limit: None, waiting: Arc::default() }
    }

    /// Refuses what finds so many waiting, and no slot free.
    pub(super) fn with_queue_limit(self, limit: usize) -> Self {
        Self { queue_limit: Some(limit), ..self }
    }

    fn service_time(&self, index: u64) -> Nanos {
        nanos_from_seconds(match self.service {
            Service::Fixed { seconds } => seconds,
            Service::Exponential { rate, seed } => {
                let uniform: f64 = Seed(seed).rng(Purpose::Prompt, 0, index).random();
                -(1.0 - uniform).ln() * self.slot_count as f64 / rate
            }
        })
    }
}

impl<C: Clock> TransportSource<C> for Server {
    type Transport = Connection<C>;

    fn for_worker(&self, clock: C, _connections: Option<usize>) -> io::Result<Connection<C>> {
        Ok(Connection { server: self.clone(), clock })
    }
}

pub(super) struct Connection<C> {
    server: Server,
    clock: C,
}

impl<C: Clock> Transport for Connection<C> {
    async fn prepare(&self, _connections: usize) {}

    async fn exchange(&self, request: &Prepared, facts: &mut Exchange) -> Result<(), Fault> {
        let server = &self.server;
        facts.sent = Some(self.clock.now());
        let full = server.queue_limit.is_some_and(|limit| server.waiting.load(Ordering::Relaxed) >= limit);
        if full && server.slots.available_permits() == 0 {
            let (error_type, message) = ("HTTP Error 503".to_owned(), "busy".to_owned());
            return Err(Failure { error_type, message }.into());
        }
        server.waiting.fetch_add(1, Ordering::Relaxed);
        let slot = server.slots.acquire().await.expect("never closed");
        server.waiting.fetch_sub(1, Ordering::Relaxed);
        self.clock.sleep_until(self.clock.now() + server.service_time(request.index)).await;
        drop(slot);
        facts.head = Some(self.clock.now());
        facts.last_byte = facts.head;
        Ok(())
    }
}

/// Requests without content.
pub(super) struct Bodies;

impl Workload for Bodies {
    fn drawn(&self, _stage: u32, _index: u64) -> Drawn {
        Drawn::default()
    }

    fn prepare(&self, _stage: u32, index: u64) -> Prepared {
        Prepared::new(index, Bytes::new(), 0, Drawn::default())
    }
}
