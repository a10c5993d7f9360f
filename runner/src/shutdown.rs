//! SIGINT and SIGTERM become a [`Stop`] that the run looks at.
//!
//! First signal: stop sending, let what is in flight end within the grace. Second: cut that short. Third: leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What the outside world asked the run to do.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Cancelled once no further request may be sent.
    pub sending: CancellationToken,
    /// Cancelled once requests in flight are to be cut off.
    pub draining: CancellationToken,
    exit_code: Arc<AtomicU8>,
}

impl Stop {
    /// The exit code that the first signal asks for (128 + its number); `None` if none came.
    pub fn exit_code(&self) -> Option<u8> {
        match self.exit_code.load(Ordering::Acquire) {
            0 => None,
            code => Some(code),
        }
    }

    /// Acts on one more signal whose exit code is `code`; returns true if the process is to leave at once.
    fn signalled(&self, code: u8) -> bool {
        let _ = self.exit_code.compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire);
        if !self.sending.is_cancelled() {
            tracing::warn!("stopping: no further request is sent, those in flight may end (again: cut them off)");
            self.sending.cancel();
            false
        } else if !self.draining.is_cancelled() {
            tracing::warn!("cutting off the requests in flight (again: leave without reports)");
            self.draining.cancel();
            false
        } else {
            true
        }
    }
}

/// Listens for both signals from now on; must be called within a runtime that stays alive.
///
/// # Errors
/// If the handlers cannot be installed.
pub fn listen() -> std::io::Result<Stop> {
    let stop = Stop::default();
    let interrupt = signal(SignalKind::interrupt())?;
    let terminate = signal(SignalKind::terminate())?;
    tokio::spawn(watch(stop.clone(), interrupt, terminate));
    Ok(stop)
}

async fn watch(stop: Stop, mut interrupt: Signal, mut terminate: Signal) {
    loop {
        let code = tokio::select! {
            _ = interrupt.recv() => 130,
            _ = terminate.recv() => 143,
        };
        if stop.signalled(code) {
            #[expect(clippy::exit, reason = "the third signal means: leave now, whatever is unfinished")]
            std::process::exit(i32::from(stop.exit_code().unwrap_or(code)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_escalate_and_the_first_names_the_exit_code() {
        let stop = Stop::default();
        assert_eq!(stop.exit_code(), None);
        assert!(!stop.signalled(143));
        assert!(stop.sending.is_cancelled() && !stop.draining.is_cancelled());
        assert!(!stop.signalled(130));
        assert!(stop.draining.is_cancelled());
        assert!(stop.signalled(130));
        assert_eq!(stop.exit_code(), Some(143));
    }
}
