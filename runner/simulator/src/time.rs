//! Time as the engine sees it: a monotonic clock in nanoseconds and sleeps until absolute instants.
//!
//! Due instants are absolute, so a late wake-up delays one write and never the instants after it. The engine is
//! generic over [`Timer`]: [`FineTimer`] for a server, [`TokioTimer`] for tests under paused time.

mod fine;

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

pub use fine::{FineTimer, monotonic_now};

/// Nanoseconds on a monotonic clock.
pub type Nanos = u64;

/// A clock that can wake a task at an instant.
pub trait Timer: Debug + Clone + Send + Sync + Unpin + 'static {
    /// Completes at its instant or soon after, never before.
    type Sleep: Future<Output = ()> + Debug + Send + Unpin + 'static;

    /// The present instant.
    fn now(&self) -> Nanos;

    /// A sleep until `due`; an instant in the past completes at once.
    fn sleep_until(&self, due: Nanos) -> Self::Sleep;
}

/// Tokio's own timer, with a resolution of one millisecond. It follows tokio's paused time.
#[derive(Debug, Clone, Copy)]
pub struct TokioTimer {
    epoch: tokio::time::Instant,
}

impl TokioTimer {
    /// A timer whose instant zero is now.
    #[must_use]
    pub fn start() -> Self {
        Self { epoch: tokio::time::Instant::now() }
    }
}

impl Timer for TokioTimer {
    type Sleep = Pin<Box<tokio::time::Sleep>>;

    fn now(&self) -> Nanos {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn sleep_until(&self, due: Nanos) -> Self::Sleep {
        // Tokio rounds up to whole milliseconds by itself, so the sleep never ends early.
        Box::pin(tokio::time::sleep_until(self.epoch + Duration::from_nanos(due)))
    }
}
