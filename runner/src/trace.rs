//! Recorded traces: when requests came, and how long prompts and answers were.
//!
//! Formats: the Azure public dataset (lines of time stamp, input tokens, output tokens, separated by commas), and
//! Mooncake's (one JSON object a line). Rows keep the order of the file; instants count from the first row. It knows
//! nothing of stages, schedules and requests.

mod azure;
mod mooncake;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use benchmark_schemas::record::Nanos;

/// Format of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `AzurePublicDataset`.
    Azure,
    /// `mooncake`.
    Mooncake,
}

/// A trace, clones share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// When each request was made, counted from the first one. Never falls: a row that lies before its predecessor is as
    /// late as that, since rows are sent in the order of the file.
    pub offsets: Arc<[Nanos]>,
    /// Tokens of each prompt and each answer.
    pub lengths: Arc<[(u32, u32)]>,
    /// Lines that are no rows.
    pub bad: BadLines,
    /// Rows that lie before their predecessor.
    pub disordered: u64,
}

/// Lines that are no rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BadLines {
    /// How many.
    pub count: u64,
    /// Number of the first one, from 1, and what is wrong with it.
    pub first: Option<(u64, String)>,
}

/// Why a trace cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// It cannot be read.
    #[error("{}: {fault}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's message.
        fault: String,
    },
    /// There is no row in it.
    #[error("{} has no row{}", path.display(), first.as_ref().map(|(line, fault)| format!(" (line {line}: {fault})")).unwrap_or_default())]
    Empty {
        /// The file.
        path: PathBuf,
        /// The first line that is none, and why.
        first: Option<(u64, String)>,
    },
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    /// Nanoseconds from an origin that is the same for all rows.
    at: i128,
    input: u32,
    output: u32,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Row(Row),
    /// Names of the columns, which may stand in the first line.
    Header,
    Bad(String),
}

impl Trace {
    /// Reads the trace in `path`. Blank lines are passed over, bad ones are counted.
    ///
    /// # Errors
    ///
    /// If it cannot be read or has no rows.
    pub fn read(path: &Path, format: Format) -> Result<Self, TraceError> {
        let failed =
            |error: std::io::Error| TraceError::File { path: path.to_owned(), fault: error.to_string() };
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut rows = Rows::default();
        for (number, line) in (1..).zip(BufReader::new(file).lines()) {
            rows.add(number, &line.map_err(failed)?, format);
        }
        if rows.offsets.is_empty() {
            return Err(TraceError::Empty { path: path.to_owned(), first: rows.bad.first });
        }
        Ok(Self {
            offsets: rows.offsets.into(),
            lengths: rows.lengths.into(),
            bad: rows.bad,
            disordered: rows.disordered,
        })
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.offsets.len() as u64
    }
}

#[derive(Debug, Default)]
struct Rows {
    origin: Option<i128>,
    offsets: Vec<Nanos>,
    lengths: Vec<(u32, u32)>,
    bad: BadLines,
    disordered: u64,
}

impl Rows {
    fn add(&mut self, number: u64, text: &str, format: Format) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let line = match format {
            Format::Azure => azure::line(text, number == 1),
            Format::Mooncake => mooncake::line(text),
        };
        match line {
            Line::Row(row) => self.push(row),
            Line::Header => {}
            Line::Bad(fault) => {
                self.bad.count += 1;
                self.bad.first.get_or_insert((number, fault));
            }
        }
    }

    fn push(&mut self, row: Row) {
        let origin = *self.origin.get_or_insert(row.at);
        let offset = Nanos::try_from(row.at - origin).unwrap_or(Nanos::MAX);
        let before = self.offsets.last().copied().unwrap_or(0);
        self.disordered += u64::from(offset < before);
        self.offsets.push(offset.max(before));
        self.lengths.push((row.input, row.output));
    }
}

/// A number of tokens.
fn tokens(text: &str, of: &str) -> Result<u32, String> {
    text.trim().parse().map_err(|_| format!("{of} {:?} is no number of tokens", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, format: Format) -> Result<Trace, TraceError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trace");
        fs_err::write(&path, text).expect("written");
        Trace::read(&path, format)
    }

    #[test]
    fn azures_example() {
        let trace = read(
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n\n\
             2023-11-16 18:15:50.9951690,396,109,more\n2023-11-16T18:15:51.222467Z,879,55\n",
            Format::Azure,
        )
        .expect("rows");
        assert_eq!(*trace.offsets, [0, 4_314_579_000, 4_541_877_000]);
        assert_eq!(*trace.lengths, [(374, 44), (396, 109), (879, 55)]);
        assert_eq!((trace.bad, trace.disordered), (BadLines::default(), 0));
    }

    #[test]
    fn mooncakes_lines() {
        let trace = read(
            "{\"timestamp\": 27482, \"input_length\": 6955, \"output_length\": 52, \"hash_ids\": [46, 47]}\n\
             {\"timestamp\": 30535.5, \"input_length\": 6472, \"output_length\": 26}\n",
            Format::Mooncake,
        )
        .expect("rows");
        assert_eq!(*trace.offsets, [0, 3_053_500_000]);
        assert_eq!(*trace.lengths, [(6955, 52), (6472, 26)]);
    }

    #[test]
    fn bad_rows_are_passed_over_wherever_they_stand() {
        let trace = read(
            "2023-11-16 18:15:46,1.5,44\n2023-11-16 18:15:47,10,44\n2023-11-16 18:15:45,11,44\n\
             2023-11-16 18:15:49,12,44\nnonsense\n",
            Format::Azure,
        )
        .expect("rows");
        assert_eq!(*trace.offsets, [0, 0, 2_000_000_000], "from the first good row; none goes back");
        assert_eq!((trace.bad.count, trace.disordered, trace.rows()), (2, 1, 3));
        insta::assert_debug_snapshot!(trace.bad.first.expect("bad lines"), @r#"
        (
            1,
            "input \"1.5\" is no number of tokens",
        )
        "#);
    }

    #[test]
    fn traces_without_rows_are_refused() {
        let fault = |text| read(text, Format::Azure).expect_err("no rows").to_string();
        assert!(fault("").ends_with("has no row"));
        assert!(fault("a,b,c\n").ends_with("has no row"));
        assert!(
            fault("a,b,c\nd,1,1\n").ends_with("(line 2: \"d\" is no time stamp)"),
            "{}",
            fault("a,b,c\nd,1,1\n")
        );
        let missing = Trace::read(Path::new("/none/trace.csv"), Format::Azure).expect_err("no file");
        insta::assert_snapshot!(missing, @"/none/trace.csv: No such file or directory (os error 2)");
    }
}
