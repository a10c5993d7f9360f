//! Appends entries to a spool.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use benchmark_schemas::record::SpoolEntry;

use super::{FRAME_HEADER_BYTES, MAGIC, SpoolError, file_in};

/// Bytes that are gathered before they are handed to the system.
const BUFFER_BYTES: usize = 64 << 10;

/// Appends entries to a spool.
///
/// An error is final: it is kept and returned by every later call, and nothing more is written, so the file never has
/// a gap.
#[derive(Debug)]
pub struct SpoolWriter {
    file: File,
    path: PathBuf,
    /// Whole frames that the system has not been given yet.
    buffer: Vec<u8>,
    failed: Option<SpoolError>,
}

impl SpoolWriter {
    /// Begins the spool of a run in the folder of its results; folders are made as needed.
    ///
    /// Reports of an earlier run in that folder are written over, as upstream does; its facts are kept, under the name
    /// `records-1.bin`, `records-2.bin`, ….
    ///
    /// # Errors
    ///
    /// If the file cannot be made.
    pub fn create(folder: &Path) -> Result<Self, SpoolError> {
        let path = file_in(folder);
        let failed = |error: std::io::Error| SpoolError::file(&path, &error);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| SpoolError::file(parent, &error))?;
        }
        if path.exists() {
            let free = (1u64..).map(|number| path.with_file_name(format!("records-{number}.bin")));
            let kept = free.into_iter().find(|kept| !kept.exists()).unwrap_or_else(|| path.clone());
            std::fs::rename(&path, kept).map_err(failed)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
        file.write_all(&MAGIC).map_err(failed)?;
        Ok(Self { file, path, buffer: Vec::with_capacity(2 * BUFFER_BYTES), failed: None })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends an entry; it reaches the system with the next [`SpoolWriter::flush`] at the latest.
    ///
    /// # Errors
    ///
    /// The first error that this or an earlier call met.
    pub fn append(&mut self, entry: &SpoolEntry) -> Result<(), SpoolError> {
        self.check()?;
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; FRAME_HEADER_BYTES]);
        let buffer = std::mem::take(&mut self.buffer);
        self.buffer = postcard::to_extend(entry, buffer).map_err(|error| self.fail(&error.to_string()))?;
        let payload = &self.buffer[start + FRAME_HEADER_BYTES..];
        let Ok(length) = u32::try_from(payload.len()) else {
            return Err(self.fail("an entry is larger than 4 GiB"));
        };
        let checksum = crc32fast::hash(payload);
        self.buffer[start..start + 4].copy_from_slice(&length.to_le_bytes());
        self.buffer[start + 4..start + FRAME_HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Hands everything to the system, which keeps it even if this program is killed.
    ///
    /// # Errors
    ///
    /// The first error that this or an earlier call met.
    pub fn flush(&mut self) -> Result<(), SpoolError> {
        self.check()?;
        let result = self.file.write_all(&self.buffer);
        self.buffer.clear();
        result.map_err(|error| self.fail(&error.to_string()))
    }

    /// Flushes and waits until the disk has it, so that it outlives the machine's power too.
    ///
    /// # Errors
    ///
    /// The first error that this or an earlier call met.
    pub fn sync(&mut self) -> Result<(), SpoolError> {
        self.flush()?;
        self.file.sync_data().map_err(|error| self.fail(&error.to_string()))
    }

    fn check(&self) -> Result<(), SpoolError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    pub(super) fn fail(&mut self, fault: &str) -> SpoolError {
        let error = SpoolError::File { path: self.path.clone(), fault: fault.to_owned() };
        self.failed.get_or_insert(error).clone()
    }
}

impl Drop for SpoolWriter {
    fn drop(&mut self) {
        if self.failed.is_none() {
            // Who wants to know of errors flushes before; here nobody could be told.
            let _ = self.flush();
        }
    }
}
