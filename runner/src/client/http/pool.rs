//! The connections of one worker: opened ahead of a stage, used again, opened anew where none is free.
//!
//! A name with several addresses is spread over all of them in turn, as upstream does. It knows nothing of requests.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use benchmark_schemas::record::Nanos;
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::settings::Shared;
use crate::client::connection::{self, Connection};
use crate::client::{Fault, errors};
use crate::clock::Clock;

/// Time for which the addresses that a name resolved to are used again.
const ADDRESSES_KEPT_NS: Nanos = 10_000_000_000;
/// Longest time that opening connections ahead may hold up a stage.
const PREPARE_NS: Nanos = 5_000_000_000;
/// Connections that are being opened ahead at once: a burst of them would overflow the server's queue.
const OPENED_AT_ONCE: usize = 32;

/// The connections of one worker.
pub(super) struct Pool<C> {
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
    /// Counts the connections that were opened.
    opened: Cell<usize>,
}

impl<C: Clock> Pool<C> {
    /// Of at most `limit` connections.
    pub(super) fn new(shared: Arc<Shared>, clock: C, limit: Option<usize>) -> Self {
        Self {
            shared,
            clock,
            idle: RefCell::default(),
            limit,
            turns: limit.map(|limit| Semaphore::new(limit.min(Semaphore::MAX_PERMITS))),
            addresses: RefCell::default(),
            opened: Cell::default(),
        }
    }

    /// Opens connections until there are `connections`; what cannot be opened shows when it is needed.
    pub(super) async fn prepare(&self, connections: usize) {
        let within = connections.min(self.limit.unwrap_or(usize::MAX));
        let missing = within.saturating_sub(self.idle.borrow().len());
        let opening = async {
            // Once for all of them.
            if self.addresses().await.is_err() {
                return;
            }
            let opened = stream::iter(0..missing).map(|_| self.open()).buffer_unordered(OPENED_AT_ONCE);
            let mut opened = std::pin::pin!(opened);
            while let Some(connection) = opened.next().await {
                match connection {
                    Ok(connection) => self.put_back(connection),
                    Err(fault) => {
                        tracing::debug!("no connection ahead of the stage: {}", fault.failure.message);
                    }
                }
            }
        };
        let limit = self.clock.sleep_until(self.clock.now() + PREPARE_NS);
        tokio::select! {
            () = opening => {}
            () = limit => {}
        }
    }

    /// A turn to use a connection, where their number is limited.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed, so there is always a turn in the end.
        self.turns.as_ref()?.acquire().await.ok()
    }

    /// Takes back a connection whose exchange is over.
    pub(super) fn put_back(&self, mut connection: Connection) {
        connection.used = true;
        self.idle.borrow_mut().push(connection);
    }

    /// An open connection.
    pub(super) async fn idle_or_new(&self) -> Result<Connection, Fault> {
        while let Some(mut connection) = self.take_idle() {
            if connection.is_usable().await {
                return Ok(connection);
            }
        }
        self.open().await
    }

    fn take_idle(&self) -> Option<Connection> {
        self.idle.borrow_mut().pop()
    }

    /// A new connection.
    pub(super) async fn open(&self) -> Result<Connection, Fault> {
        let shared = &*self.shared;
        let opening = async {
            let addresses = self.addresses().await?;
            let turn = self.opened.replace(self.opened.get().wrapping_add(1));
            let in_turn = (0..addresses.len()).map(|i| addresses[turn.wrapping_add(i) % addresses.len()]);
            connection::open(&shared.target, in_turn, shared.tls.as_ref(), &self.clock).await
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

    async fn addresses(&self) -> Result<Rc<[SocketAddr]>, Fault> {
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
}
