//! The rows of the files of a data set, found as far as they are asked for and read again from where they stand, so that
//! a set of any size takes little memory: 16 bytes for each row that was asked for.

use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::DatasetError;
use super::packed::{Notes, Packed, Packing};
use super::scan::{Fault, Scanner};

/// Files are checked before the start as far as this; what is wrong behind it ends the data set there.
const MOST_CHECKED_BYTES: u64 = 128 << 20;
/// Rows of packed files count as so many times their size: they take longer.
const PACKED_WEIGHT: u64 = 8;
/// Bytes read at once.
const BLOCK_BYTES: usize = 1 << 20;
/// Suffixes of files that can be read.
const SUFFIXES: [&str; 7] = [".json", ".jsonl", ".ndjson", ".parquet", ".json.gz", ".jsonl.gz", ".ndjson.gz"];

/// The open files of a data set.
#[derive(Debug)]
pub(super) struct Files(Vec<DataFile>);

#[derive(Debug)]
struct DataFile {
    path: PathBuf,
    content: Content,
}

/// Where the rows of a file are read again.
#[derive(Debug)]
enum Content {
    /// In it.
    Plain(File),
    /// In what was written down of it.
    Packed(Packing, Notes),
}

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
        let mut paths = Vec::new();
        if path.is_dir() {
            let unreadable = |error: std::io::Error| unusable(path, &error.to_string());
            for entry in std::fs::read_dir(path).map_err(unreadable)? {
                paths.push(entry.map_err(unreadable)?.path());
            }
            paths.retain(|path| path.is_file() && is_readable(path));
            paths.sort_unstable();
            if paths.is_empty() {
                return Err(unusable(
                    path,
                    &format!("no file in this folder ends in {}", SUFFIXES.join(", ")),
                ));
            }
        } else {
            paths.push(path.to_owned());
            if path.exists() && !is_readable(path) {
                return Err(unusable(path, &format!("the name must end in {}", SUFFIXES.join(", "))));
            }
        }
        Self::of(paths)
    }

    /// These files.
    pub(super) fn of(paths: Vec<PathBuf>) -> Result<Self, DatasetError> {
        let open = |path: PathBuf| {
            let name = path.to_string_lossy().to_ascii_lowercase();
            let packing = match name.rsplit('.').next() {
                Some("parquet") => Some(Packing::Parquet),
                Some("gz") => Some(Packing::Gzip),
                _ => None,
            };
            let content = match packing {
                None => File::open(&path).map(Content::Plain),
                Some(packing) => {
                    // That it is whole shows here.
                    Packed::open(&path, packing).map_err(|fault| unusable(&path, &fault))?;
                    Notes::new().map(|notes| Content::Packed(packing, notes))
                }
            };
            match content {
                Ok(content) => Ok(DataFile { path, content }),
                Err(error) => Err(unusable(&path, &error.to_string())),
            }
        };
        paths.into_iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Makes sure that `check` likes every row, as far as files are checked before the start.
    pub(super) fn check(&self, check: impl Fn(&[u8]) -> serde_json::Result<()>) -> Result<(), DatasetError> {
        let mut walk = Walk { notes: false, ..Walk::new(self)? };
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
        match &file.content {
            Content::Plain(file) => file.read_exact_at(&mut row, place.offset)?,
            Content::Packed(_, notes) => notes.read(place.offset, &mut row)?,
        }
        Ok(row)
    }

    fn notes(&self, file: u32) -> Option<&Notes> {
        match &self.0.get(file as usize)?.content {
            Content::Packed(_, notes) => Some(notes),
            Content::Plain(_) => None,
        }
    }

    /// What the messages of the whole set are about: its only file, or the folder.
    pub(super) fn name(&self) -> &Path {
        match self.0.as_slice() {
            [file] => &file.path,
            files => files.first().and_then(|file| file.path.parent()).unwrap_or(Path::new("")),
        }
    }
}

fn unusable(path: &Path, fault: &str) -> DatasetError {
    DatasetError::File { path: path.to_owned(), fault: fault.to_owned() }
}

/// True if the name tells that rows can be read from it.
pub fn is_readable(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

/// One way through all files, row by row.
#[derive(Debug)]
pub(super) struct Walk {
    rows: Option<Rows>,
    /// Rows of packed files are written down.
    notes: bool,
    file: u32,
    /// Bytes gone through.
    passed: u64,
    /// Line on which the last row begins, or its number, from 1.
    line: u64,
}

/// The rows of the file that is gone through.
#[derive(Debug)]
enum Rows {
    Plain(Scanner<BufReader<File>>),
    Packed(Packed),
}

impl Walk {
    pub(super) fn new(files: &Files) -> Result<Self, DatasetError> {
        let mut walk = Self { rows: None, notes: true, file: 0, passed: 0, line: 1 };
        walk.rows = walk.open(files)?;
        Ok(walk)
    }

    /// The file that is next, if there is one, from its beginning.
    fn open(&self, files: &Files) -> Result<Option<Rows>, DatasetError> {
        let Some(DataFile { path, content }) = files.0.get(self.file as usize) else { return Ok(None) };
        let rows = match content {
            // A handle of its own: one that is shared has one position.
            Content::Plain(_) => File::open(path)
                .map(|file| Rows::Plain(Scanner::new(BufReader::with_capacity(BLOCK_BYTES, file))))
                .map_err(|error| error.to_string()),
            Content::Packed(packing, _) => Packed::open(path, *packing).map(Rows::Packed),
        };
        rows.map(Some).map_err(|fault| unusable(path, &fault))
    }

    /// Puts the next row into `row`; `None` after the last.
    pub(super) fn next(
        &mut self,
        files: &Files,
        row: &mut Vec<u8>,
    ) -> Result<Option<RowPlace>, DatasetError> {
        while let Some(rows) = &mut self.rows {
            let found = match rows {
                Rows::Plain(scanner) => {
                    let before = scanner.offset();
                    let found = scanner.next(row);
                    self.passed += scanner.offset() - before;
                    found.map(|place| place.map(|begin| (begin.line, begin.offset)))
                }
                Rows::Packed(packed) => {
                    let found = packed.next(row);
                    self.passed += row.len() as u64 * PACKED_WEIGHT;
                    let notes = files.notes(self.file).filter(|_| self.notes);
                    found.and_then(|line| line.map(|line| note(notes, line, row)).transpose())
                }
            };
            match found {
                Ok(Some((line, offset))) => {
                    self.line = line;
                    let bytes = u32::try_from(row.len()).unwrap_or(u32::MAX);
                    return Ok(Some(RowPlace { offset, bytes, file: self.file }));
                }
                Ok(None) => {
                    self.file += 1;
                    self.rows = self.open(files)?;
                }
                Err(fault) => {
                    self.rows = None;
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

/// Writes down the row of a packed file, if it is wanted, and says where.
fn note(notes: Option<&Notes>, line: u64, row: &[u8]) -> Result<(u64, u64), Fault> {
    match notes.map_or(Ok(0), |notes| notes.add(row)) {
        Ok(offset) => Ok((line, offset)),
        Err(error) => Err(Fault { line, fault: format!("it cannot be written down: {error}") }),
    }
}

fn line_error(files: &Files, file: u32, Fault { line, fault }: Fault) -> DatasetError {
    let file = files.0.get(file as usize);
    let path = file.map(|file| file.path.clone()).unwrap_or_default();
    match file.map(|file| &file.content) {
        Some(Content::Packed(Packing::Parquet, _)) => DatasetError::Row { path, row: line, fault },
        _ => DatasetError::Line { path, line, fault },
    }
}
