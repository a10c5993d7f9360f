//! Stopping a run: in two steps, so that what is in flight can end well.

use tokio_util::sync::{CancellationToken, DropGuard};

/// Asks a run to stop; clones ask and tell the same.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    gently: CancellationToken,
    at_once: CancellationToken,
}

impl Stop {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends nothing more; what is in flight may end within the grace time.
    pub fn request(&self) {
        self.gently.cancel();
    }

    /// Cuts off what is in flight too. Records are still written.
    pub fn now(&self) {
        self.gently.cancel();
        self.at_once.cancel();
    }

    /// Stops with this one, but can be stopped alone.
    #[must_use]
    pub fn for_a_part(&self) -> Self {
        Self { gently: self.gently.child_token(), at_once: self.at_once.child_token() }
    }

    /// As [`Stop::now`] when the result is dropped.
    pub(super) fn stop_now_when_dropped(self) -> (DropGuard, DropGuard) {
        (self.gently.drop_guard(), self.at_once.drop_guard())
    }

    /// Whether a stop is asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.gently.is_cancelled()
    }

    /// Ends when a stop is asked for.
    pub async fn requested(&self) {
        self.gently.cancelled().await;
    }

    /// Ends when what is in flight shall be cut off.
    pub(super) async fn wanted_now(&self) {
        self.at_once.cancelled().await;
    }
}
