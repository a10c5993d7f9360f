//! Rows of files in which no row can be found again by its place: compressed JSON and Parquet. Each row that is asked for is
//! written down as JSON in a file without a name, where it is read from then on.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::reader::RowIter;

use super::scan::{Fault, Scanner};

/// Bytes read at once.
const BLOCK_BYTES: usize = 1 << 20;

/// How the rows of a file are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// JSON, compressed by gzip.
    Gzip,
    /// Parquet.
    Parquet,
}

/// Where rows are written down.
#[derive(Debug)]
pub(super) struct Notes {
    file: File,
    end: AtomicU64,
}

impl Notes {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { file: tempfile::tempfile()?, end: AtomicU64::new(0) })
    }

    /// Writes `row` down and says where.
    pub(super) fn add(&self, row: &[u8]) -> std::io::Result<u64> {
        let at = self.end.fetch_add(row.len() as u64, Ordering::Relaxed);
        self.file.write_all_at(row, at)?;
        Ok(at)
    }

    /// Reads what was written down at `at`.
    pub(super) fn read(&self, at: u64, into: &mut [u8]) -> std::io::Result<()> {
        self.file.read_exact_at(into, at)
    }
}

/// The rows of one packed file in order.
pub(super) enum Packed {
    /// Compressed JSON.
    Gzip(Box<Scanner<BufReader<MultiGzDecoder<File>>>>),
    /// Parquet.
    Parquet {
        /// The rows that are left.
        rows: Box<RowIter<'static>>,
        /// How many there were before them.
        passed: u64,
    },
}

impl Packed {
    /// The rows of the file `path`.
    ///
    /// # Errors
    ///
    /// Why it cannot be read; a Parquet file that was cut off has no end, so this shows at once.
    pub(super) fn open(path: &Path, packing: Packing) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        match packing {
            Packing::Gzip => {
                let reader = BufReader::with_capacity(BLOCK_BYTES, MultiGzDecoder::new(file));
                Ok(Self::Gzip(Box::new(Scanner::new(reader))))
            }
            Packing::Parquet => Ok(Self::Parquet { rows: Box::new(rows(file)?), passed: 0 }),
        }
    }

    /// Puts the next row into `row` as JSON and says on which line it begins, or which row it is, from 1; `None` after the
    /// last.
    pub(super) fn next(&mut self, row: &mut Vec<u8>) -> Result<Option<u64>, Fault> {
        match self {
            Self::Gzip(scanner) => Ok(scanner.next(row)?.map(|begin| begin.line)),
            Self::Parquet { rows, passed } => {
                let line = *passed + 1;
                let Some(next) = rows.next() else { return Ok(None) };
                let next = next.map_err(|error| Fault { line, fault: told(&error) })?;
                *passed = line;
                row.clear();
                let written = write!(row, "{}", next.to_json_value());
                written.map_err(|error| Fault { line, fault: error.to_string() })?;
                Ok(Some(line))
            }
        }
    }
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packed").finish_non_exhaustive()
    }
}

/// All rows of a Parquet file.
///
/// # Errors
///
/// Why it is none.
pub(in super::super) fn rows(file: File) -> Result<RowIter<'static>, String> {
    let reader = SerializedFileReader::new(file).map_err(|error| told(&error))?;
    let schema = reader.metadata().file_metadata().schema().get_fields().len();
    if schema == 0 {
        return Err("it has no columns".to_owned());
    }
    Ok(RowIter::from_file_into(Box::new(reader)))
}

fn told(error: &parquet::errors::ParquetError) -> String {
    format!("it is no whole Parquet file: {error}")
}
