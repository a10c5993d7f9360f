//! SIGINT and SIGTERM ask the run to stop.
//!
//! First signal: nothing more is sent, what is in flight may end within the grace. Second: it is cut off. Third: the
//! program leaves without reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::driver::Stop;

/// What signals have asked for so far; clones tell the same.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    stop: Stop,
    received: Arc<AtomicU8>,
    exit_code: Arc<AtomicU8>,
}

impl Signals {
    /// Listens from now on; must be called within a runtime, and lasts as long as that.
    ///
    /// # Errors
    ///
    /// If the handlers cannot be installed.
    pub fn listen() -> std::io::Result<Self> {
        let signals = Self::default();
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        tokio::spawn(watch(signals.clone(), interrupt, terminate));
        Ok(signals)
    }

    /// What the engine is to look at.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The exit code that the first signal asks for: 128 + its number. `None` if none came.
    pub fn exit_code(&self) -> Option<u8> {
        match self.exit_code.load(Ordering::Acquire) {
            0 => None,
            code => Some(code),
        }
    }

    /// Acts on one more signal, whose exit code is `code`. True if the program is to leave at once.
    fn received(&self, code: u8) -> bool {
        let _ = self.exit_code.compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire);
        match self.received.fetch_add(1, Ordering::AcqRel) {
            0 => {
                tracing::warn!(
                    "stopping: nothing more is sent, what is in flight may end (again: cut it off)"
                );
                self.stop.request();
                false
            }
            1 => {
                tracing::warn!("cutting off what is in flight (again: leave without reports)");
                self.stop.now();
                false
            }
            _ => true,
        }
    }
}

async fn watch(signals: Signals, mut interrupt: Signal, mut terminate: Signal) {
    loop {
        let code = tokio::select! {
            _ = interrupt.recv() => 130,
            _ = terminate.recv() => 143,
        };
        if signals.received(code) {
            #[expect(clippy::exit, reason = "the third signal means: leave now, whatever is unfinished")]
            std::process::exit(i32::from(signals.exit_code().unwrap_or(code)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_escalate_and_the_first_names_the_exit_code() {
        let signals = Signals::default();
        assert_eq!((signals.exit_code(), signals.stop().is_requested()), (None, false));
        assert!(!signals.received(143));
        assert!(signals.stop().is_requested());
        assert!(!signals.received(130));
        assert!(signals.received(130));
        assert_eq!(signals.exit_code(), Some(143));
    }
}
