//! Appends entries to a spool.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use benchmark_schemas::record::SpoolEntry;

use super::source::{Held, SpoolSource};
use super::{FRAME_HEADER_BYTES, MAGIC, SpoolError, SpoolReader, file_in};

/// Bytes that are gathered before they are handed to the system.
const BUFFER_BYTES: usize = 64 << 10;
/// Bytes that are held in memory at most while the file cannot be written.
const MOST_HELD_BYTES: usize = 256 << 20;

/// Appends entries to a spool.
///
/// A file that cannot be written (the disk is full, say) ends nothing: entries are held in memory and written as soon
/// as that goes again, so the file never has a gap. Only when more than a bounded amount is held, an error is returned,
/// by that call and every later one; what is held can still be read ([`SpoolWriter::source`]).
#[derive(Debug)]
pub struct SpoolWriter {
    file: Arc<File>,
    path: PathBuf,
    /// Bytes that the system has: whole frames after the head.
    written: u64,
    /// Of those, the ones that the disk has.
    synced: u64,
    /// Whole frames that the system has not been given yet, or has refused.
    buffer: Vec<u8>,
    most_held: usize,
    /// Why the file cannot be written just now.
    trouble: Option<SpoolError>,
    /// The file's name has been found gone, and that was told.
    gone: bool,
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
        let failed = |error: io::Error| SpoolError::file(&path, &error);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| SpoolError::file(parent, &error))?;
        }
        if path.exists() {
            std::fs::rename(&path, free_name(&path)).map_err(failed)?;
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).map_err(failed)?;
        file.write_all_at(&MAGIC, 0).map_err(failed)?;
        sync_folder(&path).map_err(failed)?;
        Ok(Self::on(file, path))
    }

    /// Goes on in the folder of a run's results with what `keep` makes of each entry that its spool holds. The earlier file
    /// is kept, under the next free name `records-1.bin`, `records-2.bin`, …; until all is written it keeps its own.
    ///
    /// # Errors
    ///
    /// If there is no spool to go on with, or the new one cannot be written.
    pub fn resume(
        folder: &Path,
        keep: &mut dyn FnMut(SpoolEntry) -> Option<SpoolEntry>,
    ) -> Result<Self, SpoolError> {
        let earlier = SpoolReader::open(folder)?;
        let path = file_in(folder);
        let temporary = path.with_extension("partial");
        let failed = |error: io::Error| SpoolError::file(&path, &error);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&temporary);
        let file = file.map_err(failed)?;
        file.write_all_at(&MAGIC, 0).map_err(failed)?;
        let mut writer = Self::on(file, path.clone());
        for entry in earlier {
            if let Some(entry) = keep(entry?) {
                writer.append(&entry)?;
            }
        }
        writer.sync()?;
        if let Some(trouble) = writer.trouble.take() {
            writer.buffer.clear();
            return Err(trouble);
        }
        std::fs::hard_link(&path, free_name(&path)).map_err(failed)?;
        std::fs::rename(&temporary, &path).map_err(failed)?;
        sync_folder(&path).map_err(failed)?;
        Ok(writer)
    }

    /// On an open file that holds the head and nothing else.
    pub(super) fn on(file: File, path: PathBuf) -> Self {
        Self {
            file: Arc::new(file),
            path,
            written: MAGIC.len() as u64,
            synced: 0,
            buffer: Vec::with_capacity(2 * BUFFER_BYTES),
            most_held: MOST_HELD_BYTES,
            trouble: None,
            gone: false,
            failed: None,
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of all entries so far, with the file's head: where the next entry will begin.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Appends an entry; it reaches the system with the next [`SpoolWriter::flush`] at the latest.
    ///
    /// # Errors
    ///
    /// If too much is held in memory by now.
    pub fn append(&mut self, entry: &SpoolEntry) -> Result<(), SpoolError> {
        self.check()?;
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; FRAME_HEADER_BYTES]);
        let buffer = std::mem::take(&mut self.buffer);
        self.buffer = postcard::to_extend(entry, buffer).map_err(|error| self.fail(&error.to_string()))?;
        let payload = &self.buffer[start + FRAME_HEADER_BYTES..];
        let Ok(length) = u32::try_from(payload.len()) else {
            self.buffer.truncate(start);
            return Err(self.fail("an entry is larger than 4 GiB"));
        };
        let checksum = crc32fast::hash(payload);
        self.buffer[start..start + 4].copy_from_slice(&length.to_le_bytes());
        self.buffer[start + 4..start + FRAME_HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
        match &self.trouble {
            None if self.buffer.len() >= BUFFER_BYTES => self.flush(),
            // Another try is for the next flush: one with every entry would be a burden.
            None => Ok(()),
            Some(_) if self.buffer.len() <= self.most_held => Ok(()),
            Some(trouble) => {
                let fault = format!("{trouble}; {} MiB of records are held in memory", self.most_held >> 20);
                Err(self.fail(&fault))
            }
        }
    }

    /// Hands everything to the system, which keeps it even if this program is killed; what it refuses is held.
    ///
    /// # Errors
    ///
    /// If too much is held in memory by now.
    pub fn flush(&mut self) -> Result<(), SpoolError> {
        self.check()?;
        if self.buffer.is_empty() {
            return Ok(());
        }
        // Written at its place and not at the end: what a refused attempt has left there is written over.
        match self.file.write_all_at(&self.buffer, self.written) {
            Ok(()) => {
                self.written += self.buffer.len() as u64;
                self.buffer.clear();
                self.buffer.shrink_to(2 * BUFFER_BYTES);
                if self.trouble.take().is_some() {
                    tracing::warn!("{} can be written again; nothing is missing", self.path.display());
                }
            }
            Err(error) => self.note_trouble(&error),
        }
        Ok(())
    }

    /// Flushes and waits until the disk has it, so that it outlives the machine's power too.
    ///
    /// # Errors
    ///
    /// If too much is held in memory by now.
    pub fn sync(&mut self) -> Result<(), SpoolError> {
        self.flush()?;
        if let Some(pending) = self.unsynced() {
            let outcome = pending.sync();
            self.synced(&pending, outcome);
        }
        Ok(())
    }

    /// What the system has and the disk may not: whoever brings it there needs no lock on this writer meanwhile. Tells if
    /// the file has lost its name.
    pub fn unsynced(&mut self) -> Option<Pending> {
        if !self.gone && self.is_gone() {
            self.gone = true;
            tracing::error!(
                "{} is gone; the run goes on, and its records go elsewhere at the end",
                self.path.display()
            );
        }
        (self.synced < self.written).then(|| Pending { file: Arc::clone(&self.file), up_to: self.written })
    }

    /// Notes that `pending` was brought to the disk, or why not.
    pub fn synced(&mut self, pending: &Pending, outcome: io::Result<()>) {
        match outcome {
            Ok(()) => self.synced = self.synced.max(pending.up_to),
            Err(error) => self.note_trouble(&error),
        }
    }

    /// All entries so far, to be read as often as needed, also where the file cannot be written or is gone.
    #[must_use]
    pub fn source(&self) -> SpoolSource {
        let fault = match (&self.failed, &self.trouble, self.is_gone()) {
            (Some(error), _, _) => Some(error.to_string()),
            (None, Some(error), _) if !self.buffer.is_empty() => Some(error.to_string()),
            (None, _, true) => Some(format!("{} is gone", self.path.display())),
            (None, _, false) => None,
        };
        SpoolSource::held(Held {
            file: Arc::clone(&self.file),
            path: self.path.clone(),
            written: self.written,
            rest: Arc::from(self.buffer.as_slice()),
            fault,
        })
    }

    fn is_gone(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
    }

    /// Notes that the file cannot be written; tells it once.
    fn note_trouble(&mut self, error: &io::Error) {
        if self.trouble.is_none() {
            let trouble = SpoolError::file(&self.path, error);
            let most = self.most_held >> 20;
            tracing::error!("{trouble}; the run goes on, and up to {most} MiB of records are held in memory");
            self.trouble = Some(trouble);
        }
    }

    fn check(&self) -> Result<(), SpoolError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    pub(super) fn fail(&mut self, fault: &str) -> SpoolError {
        let error = SpoolError::File { path: self.path.clone(), fault: fault.to_owned() };
        self.failed.get_or_insert(error).clone()
    }

    #[cfg(test)]
    pub(super) fn hold_at_most(&mut self, bytes: usize) {
        self.most_held = bytes;
    }

    /// Goes on with `file`; gives the one before.
    #[cfg(test)]
    pub(super) fn replace_file(&mut self, file: File) -> File {
        let before = std::mem::replace(&mut self.file, Arc::new(file));
        Arc::into_inner(before).expect("nobody else has it")
    }
}

/// The next free name under which the spool of an earlier run is kept beside `path`.
fn free_name(path: &Path) -> PathBuf {
    let mut names = (1u64..).map(|number| path.with_file_name(format!("records-{number}.bin")));
    names.find(|kept| !kept.exists()).unwrap_or_else(|| path.to_owned())
}

/// Brings the folder of the file at `path` to the disk, which knows the file by its name only then, and so the folder's own.
fn sync_folder(path: &Path) -> io::Result<()> {
    let mut folders = path.ancestors().skip(1).take(2).filter(|folder| !folder.as_os_str().is_empty());
    folders.try_for_each(|folder| File::open(folder)?.sync_all())
}

impl Drop for SpoolWriter {
    fn drop(&mut self) {
        if self.failed.is_none() {
            // Who wants to know of errors flushes before; here nobody could be told.
            let _ = self.flush();
        }
    }
}

/// What the system has and the disk may not.
#[derive(Debug)]
pub struct Pending {
    file: Arc<File>,
    up_to: u64,
}

impl Pending {
    /// Waits until the disk has it.
    ///
    /// # Errors
    ///
    /// The disk's.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
