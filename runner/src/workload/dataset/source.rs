//! The rows of the files of a data set, found as far as they are asked for and read again from where they stand, so that
//! a set of any size takes little memory: 16 bytes for each row that was asked for.

use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::DatasetError;
use super::scan::{Fault, Scanner};

/// Files are checked before the start as far as this; what is wrong behind it ends the data set there.
const MOST_CHECKED_BYTES: u64 = 128 << 20;
/// Bytes read at once.
const BLOCK_BYTES: usize = 1 << 20;
/// Suffixes of files that can be read.
const SUFFIXES: [&str; 3] = ["json", "jsonl", "ndjson"];

/// The open files of a data set.
#[derive(Debug)]
pub(super) struct Files(Vec<(PathBuf, File)>);

/// Where a row stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowPlace {
    offset: u64,
    bytes: u32,
    file: u32,
}

impl Files {
    /// The file `path`, or all files of the folder `path` that can be read, by name.
    pub(super) fn open(path: &Path) -> Result<Self, DatasetError> {
        let unusable =
            |path: &Path, fault: &str| DatasetError::File { path: path.to_owned(), fault: fault.to_owned() };
        let is_readable = |path: &Path| {
            let suffix = path.extension().and_then(|suffix| suffix.to_str()).unwrap_or_default();
            SUFFIXES.contains(&suffix.to_ascii_lowercase().as_str())
        };
        let mut paths = Vec::new();
        if path.is_dir() {
            let unreadable = |error: std::io::Error| unusable(path, &error.to_string());
            for entry in std::fs::read_dir(path).map_err(unreadable)? {
                paths.push(entry.map_err(unreadable)?.path());
            }
            paths.retain(|path| path.is_file() && is_readable(path));
            paths.sort_unstable();
            if paths.is_empty() {
                return Err(unusable(path, "no file in this folder ends in .json, .jsonl or .ndjson"));
            }
        } else {
            paths.push(path.to_owned());
            if path.exists() && !is_readable(path) {
                return Err(unusable(path, "the name must end in .json, .jsonl or .ndjson"));
            }
        }
        let open = |path: PathBuf| match File::open(&path) {
            Ok(file) => Ok((path, file)),
            Err(error) => Err(unusable(&path, &error.to_string())),
        };
        paths.into_iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Makes sure that `check` likes every row, as far as files are checked before the start.
    pub(super) fn check(&self, check: impl Fn(&[u8]) -> serde_json::Result<()>) -> Result<(), DatasetError> {
        let mut walk = Walk::new(self)?;
        let mut row = Vec::new();
        while walk.passed < MOST_CHECKED_BYTES && walk.next(self, &mut row)?.is_some() {
            check(&row).map_err(|error| walk.fault(self, &error))?;
        }
        Ok(())
    }

    /// Reads a row again.
    pub(super) fn read(&self, place: RowPlace) -> std::io::Result<Vec<u8>> {
        let mut row = vec![0; place.bytes as usize];
        let file = self.0.get(place.file as usize).ok_or(std::io::ErrorKind::NotFound)?;
        file.1.read_exact_at(&mut row, place.offset)?;
        Ok(row)
    }

    /// What the messages of the whole set are about: its only file, or the folder.
    pub(super) fn name(&self) -> &Path {
        match self.0.as_slice() {
            [(path, _)] => path,
            files => files.first().and_then(|(path, _)| path.parent()).unwrap_or(Path::new("")),
        }
    }
}

/// One way through all files, row by row.
#[derive(Debug)]
pub(super) struct Walk {
    scanner: Option<Scanner<BufReader<File>>>,
    file: u32,
    /// Bytes gone through.
    passed: u64,
    /// Line on which the last row begins, from 1.
    line: u64,
}

impl Walk {
    pub(super) fn new(files: &Files) -> Result<Self, DatasetError> {
        let mut walk = Self { scanner: None, file: 0, passed: 0, line: 1 };
        walk.scanner = walk.open(files)?;
        Ok(walk)
    }

    /// The file that is next, if there is one, from its beginning.
    fn open(&self, files: &Files) -> Result<Option<Scanner<BufReader<File>>>, DatasetError> {
        let Some((path, _)) = files.0.get(self.file as usize) else { return Ok(None) };
        let open = || {
            // A handle of its own: one that is shared has one position.
            let file = File::open(path)?;
            Ok(Scanner::new(BufReader::with_capacity(BLOCK_BYTES, file)))
        };
        open().map(Some).map_err(|error: std::io::Error| DatasetError::File {
            path: path.clone(),
            fault: error.to_string(),
        })
    }

    /// Puts the next row into `row`; `None` after the last.
    pub(super) fn next(
        &mut self,
        files: &Files,
        row: &mut Vec<u8>,
    ) -> Result<Option<RowPlace>, DatasetError> {
        while let Some(scanner) = &mut self.scanner {
            let before = scanner.offset();
            let found = scanner.next(row);
            self.passed += scanner.offset() - before;
            match found {
                Ok(Some(begin)) => {
                    self.line = begin.line;
                    let bytes = u32::try_from(row.len()).unwrap_or(u32::MAX);
                    return Ok(Some(RowPlace { offset: begin.offset, bytes, file: self.file }));
                }
                Ok(None) => {
                    self.file += 1;
                    self.scanner = self.open(files)?;
                }
                Err(fault) => {
                    self.scanner = None;
                    return Err(line_error(files, self.file, fault));
                }
            }
        }
        Ok(None)
    }

    /// What is wrong with the row that was found last, which is in the file that is gone through.
    pub(super) fn fault(&self, files: &Files, error: &serde_json::Error) -> DatasetError {
        let line = self.line + (error.line() as u64).saturating_sub(1);
        // The parser's own place is one within the row.
        let text = error.to_string();
        let fault = text.split(" at line ").next().unwrap_or(&text).to_owned();
        line_error(files, self.file, Fault { line, fault })
    }
}

fn line_error(files: &Files, file: u32, Fault { line, fault }: Fault) -> DatasetError {
    let path = files.0.get(file as usize).map(|(path, _)| path.clone()).unwrap_or_default();
    DatasetError::Line { path, line, fault }
}
