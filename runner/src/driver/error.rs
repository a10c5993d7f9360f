//! Why the engine cannot start or go on.

use std::io;

use crate::spool::SpoolError;

/// Why the engine cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Facts cannot be stored; nothing after them is either.
    #[error("the records of the run cannot be stored: {0}")]
    Spool(#[from] SpoolError),
    /// The system gives no thread, timer or socket.
    #[error("the load engine cannot start a {part}: {error}")]
    Start {
        /// What was to be started.
        part: &'static str,
        /// The system's error.
        error: io::Error,
    },
    /// A part of the engine ended by a fault of its own.
    #[error("a {0} of the load engine ended unexpectedly; the records so far are in the spool")]
    Lost(&'static str),
}
