//! Runs that nobody sent: spools of a model server with a known capacity, made from a seed.
//!
//! The server has places; a request takes one for a prefill and its tokens, and waits for one in the order of arrival.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;

use anyhow::Result;
use benchmark_schemas::record::{
    Chunk, ClientFacts, Failure, Nanos, Outcome, Pacing, Record, RunEnd, RunFacts, Sample, Scrape,
    ScrapeMoment, SpoolEntry, StageFacts, StageStatus, TokenRules, Usage,
};
use inference_perf::spool::SpoolWriter;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

const MS: Nanos = 1_000_000;
const S: Nanos = 1_000 * MS;

/// A run to make up.
pub(crate) struct Made {
    pub(crate) seed: u64,
    /// Requests/s and seconds of each stage.
    pub(crate) stages: Vec<(f64, f64)>,
    /// Requests that the server works on at once; each takes a third of a second or so.
    pub(crate) places: usize,
    /// Every latency is so many times as long.
    pub(crate) slower: f64,
    /// What the configuration says beside the stages.
    pub(crate) config: Value,
    pub(crate) interrupted: bool,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            seed: 1,
            stages: vec![(5.0, 40.0), (10.0, 40.0), (20.0, 40.0), (40.0, 40.0)],
            places: 8,
            slower: 1.0,
            config: json!({}),
            interrupted: false,
        }
    }
}

impl Made {
    /// Writes its spool into `folder`.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let mut spool = SpoolWriter::create(folder)?;
        for entry in self.entries() {
            spool.append(&entry)?;
        }
        Ok(spool.sync()?)
    }

    fn entries(&self) -> Vec<SpoolEntry> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut entries = vec![self.facts()];
        let mut start = S / 10;
        for (number, (rate, seconds)) in (0..).zip(&self.stages) {
            let mut records = self.records(&mut rng, (number, *rate, *seconds), start);
            // As the recorder has them: by their ends.
            records.sort_by_key(|record| record.end);
            let end =
                records.iter().map(|record| record.end).max().unwrap_or(start).max(start + nanos(*seconds));
            entries.extend(self.scrapes(number, &records, start, end));
            entries.extend(records.into_iter().map(|record| SpoolEntry::Request(Box::new(record))));
            entries.push(SpoolEntry::Stage(Box::new(stage(number, *rate, *seconds, start, end))));
            start = end + S;
        }
        entries.push(SpoolEntry::Finished(RunEnd { at: start, interrupted: self.interrupted }));
        entries
    }

    fn facts(&self) -> SpoolEntry {
        let stages: Vec<Value> =
            self.stages.iter().map(|(rate, duration)| json!({"rate": rate, "duration": duration})).collect();
        let mut config = json!({
            "api": {"type": "completion", "streaming": true},
            "data": {"type": "synthetic"},
            "load": {"type": "constant", "interval": 1.0, "base_seed": self.seed, "stages": stages},
            "server": {"type": "vllm", "model_name": "qwen3-8b", "base_url": "http://qwen3-vllm.default:8000"},
            "report": {},
        });
        if let (Some(config), Some(more)) = (config.as_object_mut(), self.config.as_object()) {
            config.extend(more.clone());
        }
        SpoolEntry::Run(Box::new(RunFacts {
            version: "0.1.0".to_owned(),
            started_epoch_ns: 1_790_000_000 * S,
            run_id: format!("{:08x}", self.seed),
            config_json: config.to_string(),
            tokenizer: Some("/models/tiny".to_owned()),
        }))
    }

    fn records(
        &self,
        rng: &mut ChaCha8Rng,
        (stage, rate, seconds): (u32, f64, f64),
        start: Nanos,
    ) -> Vec<Record> {
        let mut free: BinaryHeap<Reverse<Nanos>> = (0..self.places).map(|_| Reverse(start)).collect();
        let mut exponential = |mean: f64| -mean * (1.0 - rng.random::<f64>()).ln();
        let (mut due, mut records) = (start, Vec::new());
        for index in 0.. {
            due += nanos(exponential(1.0 / rate));
            if due > start + nanos(seconds) {
                return records;
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 4 to 64")]
            let tokens = (4.0 + exponential(8.0).clamp(0.0, 60.0)) as u32;
            let Some(Reverse(at)) = free.pop() else { return records };
            let begin = due.max(at);
            let stretched = |time: f64| nanos(time * self.slower);
            let waited = stretched((begin - due) as f64 / 1e9);
            let (prefill, step) = (stretched(0.05 + exponential(0.02)), stretched(0.02 + exponential(0.002)));
            let first = due + waited + prefill;
            let end = first + step * Nanos::from(tokens) + MS;
            free.push(Reverse(end.max(begin)));
            // A queue of half a minute is refused.
            let refused = waited > 30 * S;
            records.push(record((stage, index), due, refused, (first, step, tokens), end));
        }
        records
    }

    /// Five a stage.
    fn scrapes(&self, stage: u32, records: &[Record], start: Nanos, end: Nanos) -> Vec<SpoolEntry> {
        let moments = [ScrapeMoment::Before(stage)]
            .into_iter()
            .chain([ScrapeMoment::During(stage); 5])
            .chain([ScrapeMoment::After(stage)]);
        let reading = |(place, moment): (Nanos, ScrapeMoment)| {
            let at = start + (end - start) * place / 6;
            let open = records.iter().filter(|record| record.due <= at && record.end > at).count();
            let running = open.min(self.places);
            let sample = |name: &str, value: f64| Sample {
                name: format!("vllm:{name}"),
                labels: String::new(),
                value,
            };
            let outcome = Ok(vec![
                sample("num_requests_running", running as f64),
                sample("num_requests_waiting", (open - running) as f64),
                sample("kv_cache_usage_perc", running as f64 / self.places as f64 * 0.8),
            ]);
            SpoolEntry::Scrape(Box::new(Scrape { at, end: at + MS, moment, outcome }))
        };
        (0..).zip(moments).map(reading).collect()
    }
}

fn nanos(seconds: f64) -> Nanos {
    #[expect(clippy::cast_possible_truncation, reason = "a run's length")]
    let nanos = (seconds * 1e9) as Nanos;
    nanos
}

fn record(
    (stage, index): (u32, u64),
    due: Nanos,
    refused: bool,
    (first, step, tokens): (Nanos, Nanos, u32),
    end: Nanos,
) -> Record {
    let busy = Failure {
        error_type: "HTTP Error 503".to_owned(),
        message: "the <queue> is full & closed".to_owned(),
    };
    let usage = Usage {
        prompt_tokens: Some(120),
        completion_tokens: Some(u64::from(tokens)),
        cached_tokens: None,
        raw: "{}".to_owned(),
    };
    let chunks = (0..Nanos::from(tokens)).map(|token| Chunk::content(first + token * step, 1));
    Record {
        stage,
        index,
        due,
        permitted: Some(due),
        start: Some(due + MS / 20),
        connected: Some(due + MS / 10),
        sent: Some(due + MS / 5),
        head: Some(first),
        end: if refused { due + MS } else { end },
        outcome: if refused { Outcome::Failure(busy) } else { Outcome::Success },
        adapter: None,
        objectives: None,
        streamed: true,
        request_bytes: 600,
        prompt_tokens: 120,
        drawn_prompt_tokens: 120,
        max_tokens: tokens,
        output_tokens: (!refused).then_some(tokens),
        rules: TokenRules::default(),
        usage: (!refused).then_some(usage),
        chunks: if refused { Vec::new() } else { chunks.collect() },
        done_seen: !refused,
        retries: None,
        bodies: None,
        media: Vec::new(),
        turn: None,
    }
}

fn stage(stage: u32, rate: f64, duration_seconds: f64, start: Nanos, end: Nanos) -> StageFacts {
    StageFacts {
        stage,
        rate,
        duration_seconds,
        pacing: Pacing::ScaledExponential,
        concurrency: None,
        window_start: start,
        window_end: end,
        teardown_ns: 0,
        status: StageStatus::Completed,
        client: ClientFacts {
            busiest_runtime: 0.08,
            throttled_ns: Some(0),
            in_flight_cap: 800,
            workers: 2,
            late_bodies: 0,
            recorder_waits: 0,
        },
    }
}
