//! Data sets in files: each row is a request, in the order of the files, round and round. As with upstream a stage goes on
//! where the one before it ended; if each began anew, a prefix cache would know what it asks.
//!
//! A row is its place in the files: it is read again when its request is made, so any number of generators can make
//! requests in any order, and no set lies in memory. Rows that ask nothing and those whose lengths are outside the
//! limits are left out. It knows nothing of where files come from.

mod packed;
mod rows;
mod scan;
mod source;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use benchmark_schemas::config::{ApiType, Distribution};
use tempfile::TempDir;

pub(super) use self::packed::rows as parquet_rows;
use self::rows::Row;
pub use self::rows::RowFormat;
pub use self::source::is_readable as is_data_file;
use self::source::{Files, RowPlace, Walk};
use super::body::BodyOptions;
use super::tokenizer::{SpecialTokens, Tokenizer};
use super::{Drawn, Prepared, Workload};

/// Why a data set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// A file cannot be used at all.
    #[error("data.path: {}: {fault} (give a file of JSON, JSON lines or Parquet that this process can read, or a folder of them)", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// A row is not what the data type needs.
    #[error("data.path: {}:{line}: {fault} (mend this line, or remove it)", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        fault: String,
    },
    /// A row of a Parquet file is not what the data type needs, or cannot be read.
    #[error("data.path: {}, row {row}: {fault} (write this file again, or remove it)", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Number of the row, from 1.
        row: u64,
        /// What is wrong.
        fault: String,
    },
    /// There is no row to ask.
    #[error(
        "data.path: {}: none of its {rows} rows can be asked: {left_out} are outside the limits of input_distribution and \
         output_distribution, which without min and max are 10 to 1024 tokens, and {} ask nothing (widen the limits, or \
         give other data)",
        path.display(), rows - left_out
    )]
    Nothing {
        /// The file or folder.
        path: PathBuf,
        /// Rows that there are.
        rows: u64,
        /// Rows outside the limits.
        left_out: u64,
    },
}

/// Lengths that a request may have, tokens; `min` and `max` of the distributions.
#[derive(Debug, Clone, Default)]
pub struct LengthLimits {
    /// Of the prompt.
    pub input: Option<Distribution>,
    /// Of the answer that the data set has.
    pub output: Option<Distribution>,
}

/// The files of a data set, which are open and were checked.
pub struct DatasetFiles {
    files: Files,
    format: RowFormat,
    /// The folder that they lie in, if it is to go with them.
    folder: Option<TempDir>,
}

impl DatasetFiles {
    /// The file or folder `path`. Its first 128 MiB are checked.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or a row is not what `format` says.
    pub fn open(path: &Path, format: RowFormat) -> Result<Self, DatasetError> {
        Self::checked(Files::open(path)?, format)
    }

    /// The files `paths`, in this order.
    ///
    /// # Errors
    ///
    /// As of [`DatasetFiles::open`].
    pub fn of(paths: Vec<PathBuf>, format: RowFormat) -> Result<Self, DatasetError> {
        Self::checked(Files::of(paths)?, format)
    }

    fn checked(files: Files, format: RowFormat) -> Result<Self, DatasetError> {
        files.check(|row| Row::read(format, row, true).map(drop))?;
        Ok(Self { files, format, folder: None })
    }

    /// The same, in a folder that is deleted when they are no longer needed.
    #[must_use]
    pub fn within(self, folder: TempDir) -> Self {
        Self { folder: Some(folder), ..self }
    }
}

/// A data set in files.
pub struct Dataset {
    files: Files,
    format: RowFormat,
    tokenizer: Arc<Tokenizer>,
    limits: LengthLimits,
    options: BodyOptions,
    found: Mutex<Found>,
    _folder: Option<TempDir>,
}

/// What is known of the rows so far.
struct Found {
    /// The way through the files; gone when all rows are known.
    walk: Option<Walk>,
    usable: Vec<RowPlace>,
    /// Rows gone through.
    rows: u64,
    left_out: u64,
}

impl Dataset {
    /// The data set in these files.
    ///
    /// # Errors
    ///
    /// If a file cannot be read any more, or no row can be asked.
    pub fn new(
        DatasetFiles { files, format, folder }: DatasetFiles,
        tokenizer: Arc<Tokenizer>,
        limits: LengthLimits,
        options: BodyOptions,
    ) -> Result<Self, DatasetError> {
        let walk = Some(Walk::new(&files)?);
        let found = Mutex::new(Found { walk, usable: Vec::new(), rows: 0, left_out: 0 });
        let this = Self { files, format, tokenizer, limits, options, found, _folder: folder };
        if this.place(0).is_none() {
            let found = this.found.lock().unwrap_or_else(PoisonError::into_inner);
            let (rows, left_out) = (found.rows, found.left_out);
            return Err(DatasetError::Nothing { path: this.files.name().to_owned(), rows, left_out });
        }
        Ok(this)
    }

    fn row(&self, json: &[u8]) -> serde_json::Result<Option<Row>> {
        Row::read(self.format, json, self.options.api != ApiType::Completion)
    }

    /// The place of the row of request `index` of the run; after the last row comes the first again.
    fn place(&self, index: u64) -> Option<RowPlace> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        while found.usable.len() as u64 <= index && self.find(&mut found) {}
        let row = index.checked_rem(found.usable.len() as u64)?;
        found.usable.get(usize::try_from(row).ok()?).copied()
    }

    /// Goes on by one row; false if there is none.
    fn find(&self, found: &mut Found) -> bool {
        let Some(walk) = &mut found.walk else { return false };
        let mut json = Vec::new();
        let row = walk.next(&self.files, &mut json).and_then(|place| {
            let Some(place) = place else { return Ok(None) };
            let row = self.row(&json).map_err(|error| walk.fault(&self.files, &error))?;
            Ok(Some((place, row)))
        });
        match row {
            Ok(Some((place, row))) => {
                found.rows += 1;
                match row {
                    Some(row) if self.is_within_limits(&row) => found.usable.push(place),
                    Some(_) => found.left_out += 1,
                    None => {}
                }
                true
            }
            Ok(None) => {
                found.walk = None;
                false
            }
            Err(error) => {
                tracing::error!("the data set ends here, and begins again with its first row: {error}");
                found.walk = None;
                false
            }
        }
    }

    fn is_within_limits(&self, row: &Row) -> bool {
        let keeps = |limit: &Option<Distribution>, tokens: &dyn Fn() -> u32| {
            limit.as_ref().is_none_or(|limit| (limit.min..=limit.max).contains(&i64::from(tokens())))
        };
        keeps(&self.limits.input, &|| self.prompt_tokens(&row.prompt()))
            && keeps(&self.limits.output, &|| self.answer_tokens(row))
    }

    fn prompt_tokens(&self, prompt: &str) -> u32 {
        self.tokenizer.count(prompt, SpecialTokens::Counted).unwrap_or(0)
    }

    /// Tokens that the answer may have: what the row says itself, else those of its own answer; 0 if it has none.
    fn answer_tokens(&self, row: &Row) -> u32 {
        row.max_tokens.unwrap_or_else(|| {
            let answer = row.answer.as_deref().unwrap_or_default();
            self.tokenizer.count(answer, SpecialTokens::Left).unwrap_or(0)
        })
    }

    /// The row of request `index` of the run. A file that was changed or lost since the start has none.
    fn read(&self, index: u64) -> Row {
        let read = || {
            let json = self.files.read(self.place(index)?).ok()?;
            self.row(&json).ok()?
        };
        read().unwrap_or_else(|| {
            tracing::error!("row {index} of {} cannot be read any more", self.files.name().display());
            Row::default()
        })
    }
}

impl Workload for Dataset {
    /// Lengths are not drawn but found when a request is made; one that is not made has none.
    fn drawn(&self, _stage: u32, _index: u64) -> Drawn {
        Drawn::default()
    }

    fn prepare(&self, stage: u32, index: u64) -> Prepared {
        self.prepare_after(0, stage, index)
    }

    fn prepare_after(&self, before: u64, stage: u32, index: u64) -> Prepared {
        let row = self.read(before.saturating_add(index));
        let prompt = row.prompt();
        let output_tokens = self.options.max_tokens(self.answer_tokens(&row));
        let body = if self.options.api == ApiType::Completion {
            self.options.of_prompt((stage, index), &prompt, output_tokens)
        } else {
            self.options.of_messages((stage, index), &row.messages, output_tokens)
        };
        let prompt_tokens = self.prompt_tokens(&prompt);
        Prepared::new(index, body, prompt_tokens, Drawn { prompt_tokens, output_tokens })
    }
}

#[cfg(test)]
mod tests;
