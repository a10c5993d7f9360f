//! The recorded traces that a configuration names, read before anything is sent.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use benchmark_schemas::config::{self, Config, LoadType, OwnTraceFormat};

use crate::plan::Recorded;
use crate::trace::{Format, Trace};

/// What the plan and the workload take from traces.
#[derive(Debug, Clone, Default)]
pub(super) struct Traces {
    pub(super) recorded: Recorded,
    /// Lengths of `data.trace`: prompts and answers, tokens.
    pub(super) lengths: Option<Arc<[(u32, u32)]>>,
}

/// Reads `load.trace`, if the load follows it, and `data.trace`; a file that is both is read once.
///
/// # Errors
///
/// If one cannot be read or has no rows.
pub(super) fn read(config: &Config) -> Result<Traces> {
    let format = match config.extensions.as_ref().and_then(|extensions| extensions.trace_format) {
        Some(OwnTraceFormat::Mooncake) => Format::Mooncake,
        None => Format::Azure,
    };
    let named = |key: &str, trace: &config::Trace| {
        let read = Trace::read(Path::new(&trace.file), format);
        let read = read.with_context(|| format!("{key}.file cannot be used"))?;
        tell(key, &read);
        anyhow::Ok(read)
    };
    let follows = config.load.kind == LoadType::TraceReplay;
    let times = config.load.trace.as_ref().filter(|_| follows);
    let times = times.map(|trace| named("load.trace", trace)).transpose()?;
    let lengths = match (&config.data.trace, &config.load.trace, &times) {
        (Some(lengths), Some(same), Some(times)) if lengths.file == same.file => Some(times.clone()),
        (Some(lengths), _, _) => Some(named("data.trace", lengths)?),
        (None, _, _) => None,
    };
    Ok(Traces {
        recorded: Recorded {
            offsets: times.map(|times| times.offsets),
            rows: lengths.as_ref().map(Trace::rows),
        },
        lengths: lengths.map(|lengths| lengths.lengths),
    })
}

fn tell(key: &str, trace: &Trace) {
    tracing::info!("{key}: {} rows", trace.rows());
    if let Some((line, fault)) = &trace.bad.first {
        tracing::warn!(
            "{key}: {} lines are no rows and are left out; the first is line {line}: {fault}",
            trace.bad.count
        );
    }
    if trace.disordered > 0 {
        tracing::warn!(
            "{key}: {} rows lie before the row that precedes them; their requests are due together with that one's",
            trace.disordered
        );
    }
}
