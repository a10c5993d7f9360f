//! Reads the entries of a spool, up to where it was cut off.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use benchmark_schemas::record::SpoolEntry;

use super::{FRAME_HEADER_BYTES, MAGIC, SpoolError, file_in};

/// Iterates over the entries of a spool in order.
///
/// Ends at the end of the file or before the first frame that is not whole, which [`SpoolReader::torn`] then tells.
pub struct SpoolReader {
    source: BufReader<Box<dyn Read + Send>>,
    path: PathBuf,
    /// Bytes of whole entries read so far, with the file's head.
    offset: u64,
    file_bytes: u64,
    payload: Vec<u8>,
    ended: bool,
    torn: Option<Torn>,
}

/// The part of a spool that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// Where the last whole entry ends, bytes from the start of the file.
    pub offset: u64,
    /// Bytes after it.
    pub lost_bytes: u64,
}

impl SpoolReader {
    /// Opens the spool in the folder of a run's results.
    ///
    /// # Errors
    ///
    /// If there is none, or it is of another kind.
    pub fn open(folder: &Path) -> Result<Self, SpoolError> {
        let path = file_in(folder);
        let failed = |error: std::io::Error| SpoolError::file(&path, &error);
        let file = File::open(&path).map_err(failed)?;
        let file_bytes = file.metadata().map_err(failed)?.len();
        Self::on(path, Box::new(file), file_bytes)
    }

    /// Reads `bytes`, of which there are `file_bytes`, from the head on; `path` is for messages.
    pub(super) fn on(
        path: PathBuf,
        mut bytes: Box<dyn Read + Send>,
        file_bytes: u64,
    ) -> Result<Self, SpoolError> {
        let mut magic = [0; MAGIC.len()];
        match bytes.read_exact(&mut magic) {
            Ok(()) if magic == MAGIC => {}
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => {
                return Err(SpoolError::file(&path, &error));
            }
            _ => return Err(SpoolError::Format { path }),
        }
        Ok(Self::resumed(path, bytes, MAGIC.len() as u64, file_bytes))
    }

    /// Reads `bytes`, which begin `offset` bytes into a spool of `file_bytes`, with an entry.
    pub(super) fn resumed(path: PathBuf, bytes: Box<dyn Read + Send>, offset: u64, file_bytes: u64) -> Self {
        let source = BufReader::with_capacity(256 << 10, bytes);
        Self { source, path, offset, file_bytes, payload: Vec::new(), ended: false, torn: None }
    }

    /// What could not be read; `None` until the iteration has ended, and if it ended with the file.
    #[must_use]
    pub fn torn(&self) -> Option<Torn> {
        self.torn
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next entry begins, bytes from the start of the file.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next entry; `None` at the end, torn or not.
    fn read(&mut self) -> std::io::Result<Option<SpoolEntry>> {
        let mut header = [0; FRAME_HEADER_BYTES];
        let Some(left) = self.file_bytes.checked_sub(self.offset).filter(|&left| left > 0) else {
            return Ok(None);
        };
        let entry = if left < header.len() as u64 {
            None
        } else {
            self.source.read_exact(&mut header)?;
            let [l0, l1, l2, l3, c0, c1, c2, c3] = header;
            let length = u32::from_le_bytes([l0, l1, l2, l3]);
            let checksum = u32::from_le_bytes([c0, c1, c2, c3]);
            let frame = FRAME_HEADER_BYTES as u64 + u64::from(length);
            if frame > left {
                None
            } else {
                self.payload.resize(length as usize, 0);
                self.source.read_exact(&mut self.payload)?;
                let whole = crc32fast::hash(&self.payload) == checksum;
                let entry = whole.then(|| postcard::from_bytes(&self.payload).ok()).flatten();
                entry.inspect(|_| self.offset += frame)
            }
        };
        if entry.is_none() {
            self.torn = Some(Torn { offset: self.offset, lost_bytes: left });
        }
        Ok(entry)
    }
}

impl Iterator for SpoolReader {
    type Item = Result<SpoolEntry, SpoolError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.read();
        self.ended = !matches!(read, Ok(Some(_)));
        read.map_err(|error| SpoolError::file(&self.path, &error)).transpose()
    }
}
