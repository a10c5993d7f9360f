//! Timings against the simulator's own record of what it wrote when, with one and with several tokens a chunk.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use model_server_simulator::RequestTrace;
use serde_json::Value;

use crate::machine;
use crate::rig::{Rig, json as json_file, numbers, text};

const REQUESTS: usize = 60;
const OUTPUT_TOKENS: u64 = 64;

/// What a request's client and its server say of the same answer.
struct Pair {
    client: Value,
    server: RequestTrace,
}

impl Pair {
    /// Instants at which chunks came, and at which they were written, seconds from the start of the request.
    fn instants(&self) -> Result<(Vec<f64>, Vec<f64>)> {
        let start = self.client["start_time"].as_f64().context("a start")?;
        let came = numbers(&self.client["info"]["response_metrics"]["chunk_times"])?;
        let written = self.server.chunk_written_ns.iter().map(|&ns| ns as f64 / 1e9);
        Ok((came.into_iter().map(|at| at - start).collect(), written.collect()))
    }
}

/// Runs 60 requests, 20 a second, and gives the answers by both sides and the summary of the run.
fn run(rig: &Rig, api: &str) -> Result<(Vec<Pair>, Value)> {
    let config = format!(
        "{}api: {{type: {api}, streaming: true}}\ndata:\n  type: synthetic\n  input_distribution: {{type: fixed, mean: 16}}\n  output_distribution: {{type: fixed, mean: {OUTPUT_TOKENS}}}\nload:\n  stages: [{{rate: 20, duration: 3}}]\nreport:\n  request_lifecycle:\n    per_request: true\nstorage:\n  local_storage:\n    path: reports\n",
        rig.target()
    );
    let output = rig.command(&config)?.output()?;
    ensure!(output.status.code() == Some(0), "{}", text(&output));
    let mut traces: HashMap<String, RequestTrace> =
        rig.stats()?.requests.into_iter().map(|trace| (trace.id.clone(), trace)).collect();
    let entries = json_file(&rig.path("reports/per_request_lifecycle_metrics.json"))?;
    let pairs: Result<Vec<Pair>> = entries
        .as_array()
        .context("a list")?
        .iter()
        .map(|entry| {
            let response = entry["response"].as_str().context("a response")?;
            let (_, rest) = response.split_once("\"id\":\"").context("an answer has its id")?;
            let (id, _) = rest.split_once('"').context("an answer has its id")?;
            let server = traces.remove(id).with_context(|| format!("the server knows {id}"))?;
            Ok(Pair { client: entry.clone(), server })
        })
        .collect();
    Ok((pairs?, json_file(&rig.path("reports/summary_lifecycle_metrics.json"))?))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

#[test]
fn tokens_and_times_are_the_servers_whatever_the_chunks() -> Result<()> {
    let _machine = machine();
    for (tokens_per_chunk, api) in [("1", "completion"), ("4", "chat"), ("7", "anthropic_messages")] {
        let rig = Rig::start(&[
            "--slots",
            "256",
            "--prefill-ms",
            "50",
            "--prefill-token-us",
            "0",
            "--decode-ms",
            "5",
            "--decode-running-us",
            "0",
            "--tokens-per-chunk",
            tokens_per_chunk,
        ])?;
        let (pairs, summary) = run(&rig, api)?;
        assert_eq!(pairs.len(), REQUESTS);
        let successes = &summary["successes"];
        assert_eq!(successes["count"], REQUESTS);
        for tokens in ["output_len", "output_tokens"] {
            for figure in ["min", "mean", "max"] {
                assert_eq!(
                    successes[tokens][figure].as_f64(),
                    Some(OUTPUT_TOKENS as f64),
                    "{tokens} {figure}"
                );
            }
        }
        assert_eq!(successes["token_count_mismatches"], 0);
        let (mut errors, mut by_client, mut by_server) = (Vec::new(), Vec::new(), Vec::new());
        for pair in &pairs {
            let metrics = &pair.client["info"]["response_metrics"];
            assert_eq!(metrics["output_tokens"], OUTPUT_TOKENS);
            let times = metrics["output_token_times"].as_array().context("times")?.len() as u64;
            assert_eq!(times, OUTPUT_TOKENS, "each token has an instant");
            let (came, written) = pair.instants()?;
            assert_eq!(came.len(), written.len());
            errors.extend(came.iter().zip(&written).map(|(came, written)| (came - written).abs()));
            let per_token =
                |instants: &[f64]| (instants[instants.len() - 1] - instants[0]) / (OUTPUT_TOKENS - 1) as f64;
            by_client.push(per_token(&came));
            by_server.push(per_token(&written));
        }
        errors.sort_unstable_by(f64::total_cmp);
        let median = errors[errors.len() / 2];
        assert!(median <= 0.005, "k = {tokens_per_chunk}: the median error is {median} s");
        let (client, server) = (mean(by_client.into_iter()), mean(by_server.into_iter()));
        let reported = successes["latency"]["time_per_output_token"]["mean"].as_f64().context("a TPOT")?;
        for found in [client, reported] {
            let off = found / server - 1.0;
            assert!(off.abs() < 0.01, "k = {tokens_per_chunk}: TPOT {found} s, the server's {server} s");
        }
    }
    Ok(())
}
