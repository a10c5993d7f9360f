//! Reads a spool on a thread of its own, ahead of whoever works with the entries: decoding takes about as long as
//! aggregating, and a run's reports read its spool several times.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::vec;

use benchmark_schemas::record::SpoolEntry;

use super::{SpoolError, SpoolReader};

/// Entries that change threads together.
const BATCH: usize = 64;
/// Batches that wait to be taken.
const WAITING: usize = 4;

type Entry = Result<SpoolEntry, SpoolError>;

/// The entries of a spool in order, as [`SpoolReader`] gives them.
#[derive(Debug)]
pub struct ReadAhead {
    batches: Receiver<Vec<Entry>>,
    batch: vec::IntoIter<Entry>,
    thread: Option<JoinHandle<()>>,
}

impl ReadAhead {
    /// The entries that `reader` still has. Its thread ends with them, or soon after this is dropped.
    ///
    /// # Errors
    ///
    /// If there can be no thread.
    pub fn new(mut reader: SpoolReader) -> Result<Self, SpoolError> {
        let path = reader.path().to_owned();
        let (sender, batches) = sync_channel(WAITING);
        let read = move || {
            loop {
                let batch: Vec<Entry> = reader.by_ref().take(BATCH).collect();
                if batch.is_empty() || sender.send(batch).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("spool-reader".to_owned()).spawn(read);
        let thread = thread.map_err(|error| SpoolError::file(&path, &error))?;
        Ok(Self { batches, batch: Vec::new().into_iter(), thread: Some(thread) })
    }
}

impl Iterator for ReadAhead {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        if let Some(entry) = self.batch.next() {
            return Some(entry);
        }
        if let Ok(batch) = self.batches.recv() {
            self.batch = batch.into_iter();
            return self.batch.next();
        }
        // A thread that broke off must not look like the end of the spool.
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
        None
    }
}
