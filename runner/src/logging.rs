//! Log lines on standard output in the format that upstream's users parse:
//! `2026-01-01 12:00:00,123 - inference_perf.app - INFO - message`.
//!
//! All output of a run goes through one writer, so that a progress bar on a terminal and log lines do not
//! overwrite each other.

use std::fmt;
use std::io;

use indicatif::MultiProgress;
use jiff::ZonedDateTime;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::LogLevel;

/// Starts logging at `level`; lines step around the bars of `progress`. A second call changes nothing.
pub fn start(level: LogLevel, progress: &MultiProgress) {
    // Of foreign crates only warnings: their INFO lines would bury the run's own, and their DEBUG lines may hold
    // headers.
    let filter = Targets::new()
        .with_default(LevelFilter::WARN.min(filter_of(level)))
        .with_target("inference_perf", filter_of(level))
        .with_target("model_server_simulator", filter_of(level));
    let layer = tracing_subscriber::fmt::layer()
        .event_format(PythonFormat { with_place: level == LogLevel::Debug })
        .with_writer(ProgressWriter(progress.clone()));
    let _ = tracing_subscriber::registry().with(filter).with(layer).try_init();
}

fn filter_of(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Error | LogLevel::Critical => LevelFilter::ERROR,
    }
}

/// `time - logger - LEVEL - message`, as Python's `logging` writes it for upstream; at DEBUG
/// `time - LEVEL - file:line - logger - message`, where upstream has the function.
struct PythonFormat {
    with_place: bool,
}

impl<S, N> FormatEvent<S, N> for PythonFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = ZonedDateTime::now();
        let metadata = event.metadata();
        let logger = metadata.target().replace("::", ".");
        let level = match *metadata.level() {
            Level::ERROR => "ERROR",
            Level::WARN => "WARNING",
            Level::INFO => "INFO",
            Level::DEBUG | Level::TRACE => "DEBUG",
        };
        let millisecond = now.millisecond();
        write!(writer, "{},{millisecond:03} - ", now.strftime("%Y-%m-%d %H:%M:%S"))?;
        if self.with_place {
            let file = metadata.file().and_then(|file| file.rsplit('/').next()).unwrap_or("-");
            write!(writer, "{level} - {file}:{} - {logger} - ", metadata.line().unwrap_or(0))?;
        } else {
            write!(writer, "{logger} - {level} - ")?;
        }
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// Standard output with the progress bars lifted while a line is written.
#[derive(Clone)]
struct ProgressWriter(MultiProgress);

impl io::Write for ProgressWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stdout().lock().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().lock().flush()
    }
}

impl<'a> MakeWriter<'a> for ProgressWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
