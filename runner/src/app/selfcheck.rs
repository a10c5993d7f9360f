//! `inference-perf selfcheck`: what this machine can measure, in a few lines.

use anyhow::Result;

use super::{Exit, say};
use crate::selfcheck::{Ceiling, Offered, Options, check};

/// Checks and prints.
///
/// # Errors
///
/// If server, client or spool cannot be started.
pub(super) fn run(options: Options) -> Result<Exit> {
    anyhow::ensure!(
        options.seconds >= 0.1 && options.seconds <= 600.0 && options.tokens > 0,
        "give --seconds from 0.1 to 600, and 1 token or more"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let ceiling = runtime.block_on(check(options, folder.path()))?;
    say(&lines(&ceiling).join("\n"));
    Ok(Exit::Done)
}

fn lines(ceiling: &Ceiling) -> Vec<String> {
    let mut lines = vec![format!(
        "Closed loop against a server that takes no time, on this machine too: {:.0} requests/s, {:.0} events/s ({} \
         worker threads)",
        ceiling.requests_per_second, ceiling.events_per_second, ceiling.workers
    )];
    lines.extend(ceiling.stages.iter().map(stage));
    lines.push(match ceiling.reliable_rate() {
        Some(rate) => format!("Stages up to {rate:.0} requests/s would count; measure well below that"),
        None => "No stage would count: this machine is too busy, or its CPU quota too small".to_owned(),
    });
    lines
}

fn stage(stage: &Offered) -> String {
    let late =
        stage.send_error_p99.map_or_else(|| "unknown".to_owned(), |p99| format!("{:.2} ms", p99 * 1e3));
    let verdict = stage.faults.first().map_or("would count", String::as_str);
    format!(
        "At {:.0} requests/s: sent within {late} (p99), busiest runtime {:.0} %: {verdict}",
        stage.rate,
        stage.busiest_runtime * 100.0
    )
}
