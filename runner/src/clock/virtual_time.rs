//! Virtual time in nanoseconds: whenever nothing is left to do, it is as late as the earliest sleeper waits for.
//!
//! Known-answer tests run driver, sweep and search by it, hours of load in seconds. tokio's paused time goes in steps of a
//! millisecond, which is half a request of a server of 3,000 a second. Computing takes no time here but what is asked for
//! by [`VirtualClock::work`].

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use benchmark_schemas::record::Nanos;
use tokio::runtime::{Builder, LocalOptions};

use super::{Clock, ClockSource};

/// A clock that goes on when everything waits.
#[derive(Debug, Clone, Default)]
pub struct VirtualClock(Arc<Mutex<Time>>);

#[derive(Debug, Default)]
struct Time {
    now: Nanos,
    /// By instant, then in the order in which they began to wait.
    sleepers: BTreeMap<(Nanos, u64), Waker>,
    next_number: u64,
    worked: Nanos,
}

impl VirtualClock {
    /// Lets `duration` pass as if it was worked, with nothing else done meanwhile: a client that is slow.
    pub fn work(&self, duration: Nanos) {
        let mut time = self.time();
        time.now += duration;
        time.worked += duration;
    }

    /// Goes on to the earliest sleeper and wakes all of that instant.
    fn advance(&self) {
        let due: Vec<Waker> = {
            let mut time = self.time();
            let Some((&(earliest, _), _)) = time.sleepers.first_key_value() else { return };
            time.now = time.now.max(earliest);
            let later = time.sleepers.split_off(&(earliest + 1, 0));
            std::mem::replace(&mut time.sleepers, later).into_values().collect()
        };
        due.into_iter().for_each(Waker::wake);
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs what `make` makes until it ends.
///
/// # Panics
///
/// If the system gives no runtime.
pub fn virtual_time<F: Future>(make: impl FnOnce(VirtualClock) -> F) -> F::Output {
    let clock = VirtualClock::default();
    let idle = clock.clone();
    let mut builder = Builder::new_current_thread();
    let runtime =
        builder.enable_time().on_thread_park(move || idle.advance()).build_local(LocalOptions::default());
    runtime.expect("a runtime without I/O needs nothing of the system").block_on(make(clock))
}

impl Clock for VirtualClock {
    fn now(&self) -> Nanos {
        self.time().now
    }

    fn sleep_until(&self, at: Nanos) -> impl Future<Output = ()> {
        Sleep { clock: self.clone(), at, key: None }
    }

    fn busy(&self) -> Option<Duration> {
        Some(Duration::from_nanos(u64::try_from(self.time().worked).unwrap_or(0)))
    }
}

impl ClockSource for VirtualClock {
    type Clock = Self;

    fn now(&self) -> Nanos {
        Clock::now(self)
    }

    fn for_this_runtime(&self) -> io::Result<Self> {
        Ok(self.clone())
    }
}

struct Sleep {
    clock: VirtualClock,
    at: Nanos,
    key: Option<(Nanos, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock.clone();
        let mut time = clock.time();
        if time.now >= self.at {
            return Poll::Ready(());
        }
        let at = self.at;
        let key = *self.key.get_or_insert_with(|| {
            time.next_number += 1;
            (at, time.next_number)
        });
        time.sleepers.insert(key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.clock.time().sleepers.remove(&key);
        }
    }
}
