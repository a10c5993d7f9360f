//! All entries of a spool, to be read as often as needed: a folder's, or those of a run whose writer still holds some.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{SpoolError, SpoolReader, file_in};

/// All entries of a spool, to be read as often as needed; clones read the same.
#[derive(Debug, Clone)]
pub struct SpoolSource(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Folder(PathBuf),
    Held(Held),
}

/// A spool as its writer has it. The open file counts, not its name: that may be gone.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) file: Arc<File>,
    pub(super) path: PathBuf,
    /// Bytes of the file that count.
    pub(super) written: u64,
    /// What follows them, which the file could not take.
    pub(super) rest: Arc<[u8]>,
    /// Why the file does not hold everything under its name; `None` if it does.
    pub(super) fault: Option<String>,
}

impl SpoolSource {
    /// The spool in the folder of a run's results.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self(Kind::Folder(folder.to_owned()))
    }

    pub(super) fn held(held: Held) -> Self {
        Self(Kind::Held(held))
    }

    /// All entries from the first on.
    ///
    /// # Errors
    ///
    /// If there is no spool, or it is of another kind.
    pub fn entries(&self) -> Result<SpoolReader, SpoolError> {
        match &self.0 {
            Kind::Folder(folder) => SpoolReader::open(folder),
            Kind::Held(held) => SpoolReader::on(held.path.clone(), held.bytes_from(0), held.length()),
        }
    }

    /// The entries from byte `offset` on, where one begins.
    ///
    /// # Errors
    ///
    /// If the spool cannot be opened.
    pub fn entries_from(&self, offset: u64) -> Result<SpoolReader, SpoolError> {
        match &self.0 {
            Kind::Folder(folder) => {
                let path = file_in(folder);
                let failed = |error: io::Error| SpoolError::file(&path, &error);
                let file = File::open(&path).map_err(failed)?;
                let length = file.metadata().map_err(failed)?.len();
                let bytes = At { file: Arc::new(file), offset, end: length };
                Ok(SpoolReader::resumed(path, Box::new(bytes), offset, length))
            }
            Kind::Held(held) => {
                let bytes = held.bytes_from(offset);
                Ok(SpoolReader::resumed(held.path.clone(), bytes, offset, held.length()))
            }
        }
    }

    /// Why the spool is not whole in its folder, where whoever looks for it will look; `None` if it is.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        match &self.0 {
            Kind::Folder(_) => None,
            Kind::Held(held) => held.fault.as_deref(),
        }
    }

    /// Copies all of a spool that is not whole in its folder to `folder`, as its spool.
    ///
    /// # Errors
    ///
    /// If it cannot be written there.
    pub fn rescue_to(&self, folder: &Path) -> Result<(), SpoolError> {
        let Kind::Held(held) = &self.0 else { return Ok(()) };
        let path = file_in(folder);
        let copied = || {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            // Beside it first: the file that is there may be what there is of it.
            let temporary = path.with_extension("partial");
            let mut copy = File::create(&temporary)?;
            io::copy(&mut held.bytes_from(0), &mut copy)?;
            copy.flush()?;
            copy.sync_all()?;
            std::fs::rename(&temporary, &path)
        };
        copied().map_err(|error| SpoolError::file(&path, &error))
    }
}

impl Held {
    fn length(&self) -> u64 {
        self.written + self.rest.len() as u64
    }

    fn bytes_from(&self, offset: u64) -> Box<dyn Read + Send> {
        let file = At { file: Arc::clone(&self.file), offset: offset.min(self.written), end: self.written };
        let skipped = usize::try_from(offset.saturating_sub(self.written)).unwrap_or(usize::MAX);
        let mut rest = io::Cursor::new(Arc::clone(&self.rest));
        rest.set_position(skipped as u64);
        Box::new(file.chain(rest))
    }
}

/// Reads a part of a file without its own position, which others move.
struct At {
    file: Arc<File>,
    offset: u64,
    end: u64,
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let count = self.file.read_at(&mut buffer[..most], self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}
