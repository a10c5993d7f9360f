//! The run's facts on disk: an append-only file that survives whatever ends the program.
//!
//! `records.bin` = eight bytes that name the format, then frames: length and CRC-32 of the payload (little endian, four
//! bytes each), then the payload, one [`SpoolEntry`] in postcard. Entries lie in the order in which things happened.
//! A file that was cut off is read up to its last whole entry. What the file cannot take is held in memory, within bounds,
//! until it can. It knows nothing of what the facts mean.

mod ahead;
mod reader;
mod source;
mod writer;

use std::path::{Path, PathBuf};

#[cfg(doc)]
use benchmark_schemas::record::SpoolEntry;

pub use ahead::ReadAhead;
pub use reader::{SpoolReader, Torn};
pub use source::SpoolSource;
pub use writer::{Pending, SpoolWriter};

/// Name of the format; its last digit is the version.
const MAGIC: [u8; 8] = *b"IPSPOOL1";
/// Bytes of a frame before its payload.
const FRAME_HEADER_BYTES: usize = 8;

/// The spool's file within the folder of a run's results.
#[must_use]
pub fn file_in(folder: &Path) -> PathBuf {
    folder.join("spool").join("records.bin")
}

/// Why a spool cannot be written or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpoolError {
    /// The file system refuses.
    #[error("{}: {fault}", path.display())]
    File {
        /// The file or its folder.
        path: PathBuf,
        /// The system's message.
        fault: String,
    },
    /// It is a file of another kind or version.
    #[error("{}: it is no spool of this program's version (expected a file that begins with IPSPOOL1)", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
}

impl SpoolError {
    fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::File { path: path.to_owned(), fault: error.to_string() }
    }
}

#[cfg(test)]
mod tests;
