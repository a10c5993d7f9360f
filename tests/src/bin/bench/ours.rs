//! Our own client, run as a user runs it, and what its reports and its spool say.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use benchmark_schemas::record::{Outcome, Record, SpoolEntry};
use benchmark_tests::program;
use inference_perf::metrics::token_times;
use inference_perf::spool::SpoolReader;
use serde_json::Value;

use crate::process::{Ended, measure};
use crate::target::Target;

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Load {
    /// So many requests, so many at a time.
    Closed { requests: u64, concurrency: u64 },
    /// At so many requests a second, evenly spaced, for so many seconds.
    Even { rate: u64, seconds: u64 },
}

/// What the requests are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Data<'a> {
    /// Prompts and answers of exactly so many tokens by a tokenizer.
    Synthetic { tokenizer: &'a Path, input: u32, output: u32 },
    /// The rows of a file, with a tokenizer.
    Rows { tokenizer: &'a Path, path: &'a Path },
    /// The shortest there are, without a tokenizer.
    Mock,
}

/// A whole plan of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<'a> {
    /// The model's name.
    pub(crate) model: &'a str,
    pub(crate) load: Load,
    pub(crate) data: Data<'a>,
    /// The server alone counts answers; otherwise the client does too, as upstream's.
    pub(crate) server_counts: bool,
}

/// A finished run.
pub(crate) struct Run {
    /// What it cost.
    pub(crate) process: Ended,
    /// Its results.
    pub(crate) folder: PathBuf,
}

/// Writes the configuration of a run against `target`; it is upstream's too where its load is.
pub(crate) fn configuration(target: &Target, job: Job<'_>, results: &Path) -> String {
    let mut text = String::from("api: {type: completion, streaming: true}\n");
    // Writing to memory cannot fail.
    let _ = match job.data {
        Data::Mock => writeln!(text, "data: {{type: mock}}"),
        Data::Rows { tokenizer, path } => writeln!(
            text,
            "data: {{type: shareGPT, path: '{}'}}\ntokenizer: {{pretrained_model_name_or_path: '{}'}}",
            path.display(),
            tokenizer.display()
        ),
        Data::Synthetic { tokenizer, input, output } => {
            let fixed = |n: u32| format!("{{type: fixed, mean: {n}, min: {n}, max: {n}, std_dev: 0}}");
            let (input, output) = (fixed(input), fixed(output));
            writeln!(
                text,
                "data: {{type: synthetic, input_distribution: {input}, output_distribution: {output}}}\n\
                 tokenizer: {{pretrained_model_name_or_path: '{}'}}",
                tokenizer.display()
            )
        }
    };
    let mut extensions = Vec::new();
    if matches!(job.data, Data::Rows { .. }) {
        extensions.push("data_format: own");
    }
    let _ = match job.load {
        Load::Closed { requests, concurrency } => writeln!(
            text,
            "load: {{type: concurrent, interval: 0, worker_max_concurrency: {concurrency}, \
             stages: [{{num_requests: {requests}, concurrency_level: {concurrency}}}]}}"
        ),
        Load::Even { rate, seconds } => {
            extensions.push("load: {pacing: even}");
            writeln!(
                text,
                "load: {{type: constant, interval: 0, worker_max_concurrency: 4096, worker_max_tcp_connections: 4096, \
             stages: [{{rate: {rate}, duration: {seconds}}}]}}"
            )
        }
    };
    if job.server_counts {
        extensions.push("token_counts: usage");
    }
    if !extensions.is_empty() {
        let _ = writeln!(text, "extensions: {{{}}}", extensions.join(", "));
    }
    let _ = writeln!(
        text,
        "server: {{type: vllm, model_name: '{}', base_url: '{}', ignore_eos: true}}\n\
         storage: {{local_storage: {{path: '{}'}}}}",
        job.model,
        target.base_url(),
        results.display()
    );
    text
}

/// Runs our client in `folder`, which is emptied first; every request must succeed.
pub(crate) fn run(target: &Target, job: Job<'_>, folder: &Path) -> Result<Run> {
    if folder.exists() {
        fs_err::remove_dir_all(folder)?;
    }
    fs_err::create_dir_all(folder)?;
    let (config, results) = (folder.join("config.yml"), folder.join("reports"));
    fs_err::write(&config, configuration(target, job, &results))?;
    let mut command = Command::new(program("inference-perf"));
    command.arg("-c").arg(&config).current_dir(folder);
    let run = Run { process: measure(&mut command)?, folder: results };
    let summary = run.report("summary_lifecycle_metrics.json")?;
    let failed = summary["failures"]["count"].as_u64().context("failures are counted")?;
    ensure!(failed == 0, "{failed} requests failed");
    Ok(run)
}

impl Run {
    /// One of its reports.
    pub(crate) fn report(&self, name: &str) -> Result<Value> {
        Ok(serde_json::from_slice(&fs_err::read(self.folder.join(name))?)?)
    }

    /// Requests/s of its load phase, by its own report.
    pub(crate) fn requests_per_second(&self) -> Result<f64> {
        let summary = self.report("summary_lifecycle_metrics.json")?;
        summary.pointer("/successes/throughput/requests_per_sec").and_then(Value::as_f64).context("a rate")
    }

    /// The records of its successes, in the order in which they were sent.
    pub(crate) fn records(&self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for entry in SpoolReader::open(&self.folder)? {
            if let SpoolEntry::Request(record) = entry?
                && record.outcome == Outcome::Success
            {
                records.push(*record);
            }
        }
        records.sort_by_key(|record| record.sent.or(record.start));
        Ok(records)
    }
}

/// Start minus due instant, µs.
pub(crate) fn send_error_us(record: &Record) -> Option<f64> {
    record.start.map(|start| (start - record.due) as f64 / 1e3)
}

/// Time from the start to the first token, ms.
pub(crate) fn ttft_ms(record: &Record) -> Option<f64> {
    let first = token_times(record).next()?.0;
    record.start.map(|start| (first - start) as f64 / 1e6)
}

/// Time from the first token to the last, ns, and the number of gaps in it.
pub(crate) fn decode(record: &Record) -> Option<(i64, u64)> {
    let first = token_times(record).next()?.0;
    let (last, _) = token_times(record).last()?;
    let tokens: u64 = token_times(record).map(|(_, tokens)| u64::from(tokens)).sum();
    Some((last - first, tokens - 1))
}
