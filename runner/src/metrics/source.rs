//! Where records come from: anything that can be read from its start as often as needed.

use std::convert::Infallible;
use std::error::Error;

use benchmark_schemas::record::SpoolEntry;

/// A spool, or whatever else yields the entries of a run in order.
///
/// Statistics over large runs need several passes; each begins with a new call of [`Self::entries`].
pub trait RecordSource {
    /// Why entries could not be read.
    type Error: Error + Send + Sync + 'static;

    /// All entries from the first on.
    fn entries(&self) -> Result<impl Iterator<Item = Result<SpoolEntry, Self::Error>>, Self::Error>;
}

impl RecordSource for Vec<SpoolEntry> {
    type Error = Infallible;

    fn entries(&self) -> Result<impl Iterator<Item = Result<SpoolEntry, Infallible>>, Infallible> {
        Ok(self.iter().cloned().map(Ok))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    //! Records for tests.

    use benchmark_schemas::record::{
        Chunk, ClientFacts, Failure, Nanos, Outcome, Pacing, Record, RunEnd, RunFacts, SpoolEntry,
        StageFacts, StageStatus, TokenRules, Usage,
    };

    /// Nanoseconds of a millisecond.
    pub(crate) const MS: Nanos = 1_000_000;

    /// Nanoseconds of a second.
    pub(crate) const S: Nanos = 1_000 * MS;

    /// A streamed success: due, sent and permitted at `due`; four tokens at 50, 60, 70, 80 ms, end at 200 ms.
    pub(crate) fn record(index: u64, due: Nanos) -> Record {
        Record {
            stage: 0,
            index,
            due,
            permitted: Some(due),
            start: Some(due),
            connected: Some(due),
            sent: Some(due + MS / 10),
            head: Some(due + 49 * MS),
            end: due + 200 * MS,
            outcome: Outcome::Success,
            adapter: None,
            objectives: None,
            streamed: true,
            request_bytes: 1000,
            prompt_tokens: 100,
            drawn_prompt_tokens: 100,
            max_tokens: 4,
            output_tokens: Some(4),
            rules: TokenRules::default(),
            usage: None,
            chunks: [50, 60, 70, 80].map(|ms| Chunk::content(due + ms * MS, 1)).to_vec(),
            done_seen: true,
            retries: None,
            bodies: None,
            turn: None,
            media: Vec::new(),
        }
    }

    /// A failure of `error_type` 20 ms after `due`.
    pub(crate) fn failure(index: u64, due: Nanos, error_type: &str, message: &str) -> Record {
        Record {
            end: due + 20 * MS,
            outcome: Outcome::Failure(Failure {
                error_type: error_type.to_owned(),
                message: message.to_owned(),
            }),
            output_tokens: None,
            chunks: Vec::new(),
            done_seen: false,
            ..record(index, due)
        }
    }

    /// Usage of `prompt` and `completion` tokens.
    pub(crate) fn usage(prompt: u64, completion: u64) -> Usage {
        Usage {
            prompt_tokens: Some(prompt),
            completion_tokens: Some(completion),
            cached_tokens: None,
            raw: format!(r#"{{"prompt_tokens": {prompt}, "completion_tokens": {completion}}}"#),
        }
    }

    /// A completed stage that starts at `start`, with an unhurried client.
    pub(crate) fn stage(stage: u32, rate: f64, duration_seconds: f64, start: Nanos) -> StageFacts {
        #[expect(clippy::cast_possible_truncation, reason = "tests use short stages")]
        let window_end = start + (duration_seconds * 1e9) as Nanos;
        StageFacts {
            stage,
            rate,
            duration_seconds,
            pacing: Pacing::ScaledExponential,
            concurrency: None,
            window_start: start,
            window_end,
            teardown_ns: 0,
            status: StageStatus::Completed,
            client: ClientFacts {
                busiest_runtime: 0.1,
                throttled_ns: Some(0),
                in_flight_cap: 800,
                workers: 1,
                late_bodies: 0,
                recorder_waits: 0,
            },
        }
    }

    /// The first entry of a spool.
    pub(crate) fn run_facts() -> SpoolEntry {
        SpoolEntry::Run(Box::new(RunFacts {
            version: "0.1.0".to_owned(),
            started_epoch_ns: 1_790_000_000 * S,
            run_id: "00c0ffee".to_owned(),
            config_json: r#"{"load": {"type": "constant"}}"#.to_owned(),
            tokenizer: Some("/models/tiny".to_owned()),
        }))
    }

    /// The last entry of a spool.
    pub(crate) fn run_end(at: Nanos, interrupted: bool) -> SpoolEntry {
        SpoolEntry::Finished(RunEnd { at, interrupted })
    }
}
