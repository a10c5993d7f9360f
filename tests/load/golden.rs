//! Exact counts and instants against a server that sends chosen chunks at chosen times, some of which end inside a token.

use std::io::Write as _;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use inference_perf::workload::{SpecialTokens, Tokenizer};
use serde_json::{Value, json};

use crate::machine;
use crate::rig::{Rig, json as json_file, numbers, text};
use crate::script::{self, Request};

const REQUESTS: usize = 10;
/// What the server says; ` bel` and ` du` are one token each as a whole.
const CHUNKS: [&str; 6] = [" kan", " be", "l", " d", "u to", " mi"];
const FIRST: Duration = Duration::from_millis(300);
const GAP: Duration = Duration::from_millis(80);
/// How much instants of one clock may seem nearer to one another than they are, by rounding.
const ROUNDING_SECONDS: f64 = 0.001;

/// A server that answers every POST alike; gives its address and the gaps between the chunks that it wrote, seconds.
fn serve(tokenizer: Tokenizer) -> Result<(String, Receiver<Vec<f64>>)> {
    let (gaps, written) = channel();
    let port = script::listen(move |mut stream| {
        while let Some(request) = Request::read(&mut stream)? {
            let body: Value = serde_json::from_slice(&request.body)?;
            let prompt = body["prompt"].as_str().context("a prompt")?;
            let usage = json!({
                "prompt_tokens": tokenizer.count(prompt, SpecialTokens::Counted)?,
                "completion_tokens": tokenizer.count(&CHUNKS.concat(), SpecialTokens::Left)?,
            });
            let choice = |text: &str| json!([{"index": 0, "text": text, "finish_reason": null}]);
            let to = stream.get_mut();
            if body["stream"] != true {
                std::thread::sleep(FIRST);
                let whole = json!({"choices": choice(&CHUNKS.concat()), "usage": usage});
                script::answer(to, &whole.to_string())?;
                gaps.send(Vec::new())?;
                continue;
            }
            script::begin_stream(to)?;
            let mut instants = Vec::new();
            for (chunk, number) in CHUNKS.iter().zip(0..) {
                std::thread::sleep(if number == 0 { FIRST } else { GAP });
                let event = json!({"choices": choice(chunk)});
                to.write_all(format!("data: {event}\n\n").as_bytes())?;
                instants.push(Instant::now());
            }
            let finish = json!({"choices": [{"index": 0, "text": "", "finish_reason": "length"}]});
            let end = json!({"choices": [], "usage": usage});
            to.write_all(format!("data: {finish}\n\ndata: {end}\n\ndata: [DONE]\n\n").as_bytes())?;
            let between = instants.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64());
            gaps.send(between.collect())?;
            return Ok(());
        }
        Ok(())
    })?;
    Ok((format!("http://127.0.0.1:{port}"), written))
}

/// Runs 10 mock requests, streamed or not, whose answers' tokens the server counts or the client; gives the entries of the
/// requests, the successes of the summary, and the gaps that the server wrote.
fn run(streaming: bool, server_tokens: bool) -> Result<(Vec<Value>, Value, Vec<Vec<f64>>)> {
    let rig = Rig::start(&[])?;
    let (url, gaps) = serve(Tokenizer::load(&rig.path("tokenizer"))?)?;
    let config = format!(
        "server: {{type: vllm, model_name: m, base_url: '{url}', ignore_eos: true}}\n\
         tokenizer: {{pretrained_model_name_or_path: '{}'}}\napi: {{type: completion, streaming: {streaming}}}\n\
         data: {{type: mock}}\nload: {{num_workers: 2, stages: [{{rate: 2, duration: 5}}]}}\n\
         report: {{request_lifecycle: {{per_request: true, use_server_output_tokens: {server_tokens}}}}}\n\
         storage: {{local_storage: {{path: reports}}}}\n",
        rig.path("tokenizer").display()
    );
    let output = rig.command(&config)?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let entries = json_file(&rig.path("reports/per_request_lifecycle_metrics.json"))?;
    let summary = json_file(&rig.path("reports/summary_lifecycle_metrics.json"))?;
    let entries = entries.as_array().context("a list")?.clone();
    Ok((entries, summary["successes"].clone(), gaps.try_iter().collect()))
}

/// What the tokenizer says of a prompt, or of an answer.
struct Counts {
    tokenizer: Tokenizer,
    /// Tokens of the answer.
    whole: u64,
    /// Tokens of its chunks, each by itself.
    pieces: u64,
}

impl Counts {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        model_server_simulator::tokenizer::write_small_tokenizer(folder.path())?;
        let tokenizer = Tokenizer::load(folder.path())?;
        let count = |text: &str| tokenizer.count(text, SpecialTokens::Left).map(u64::from);
        let whole = count(&CHUNKS.concat())?;
        let pieces = CHUNKS.iter().map(|chunk| count(chunk)).sum::<Result<_, _>>()?;
        assert!(pieces > whole, "some chunks end inside a token");
        Ok(Self { tokenizer, whole, pieces })
    }

    fn check_summary(&self, successes: &Value, streaming: bool) {
        let whole = self.whole;
        assert_eq!(successes["count"], REQUESTS);
        assert_eq!(successes["output_tokens"]["total"].as_f64(), Some((REQUESTS as u64 * whole) as f64));
        for figure in ["min", "max"] {
            assert_eq!(successes["output_len"][figure].as_f64(), Some(whole as f64), "output_len {figure}");
        }
        let mismatches = if streaming { REQUESTS } else { 0 };
        assert_eq!(successes["token_count_mismatches"], mismatches);
    }

    fn check_entry(&self, entry: &Value) -> Result<()> {
        assert_eq!(entry["error"], Value::Null);
        let request: Value = serde_json::from_str(entry["request"].as_str().context("a body")?)?;
        let prompt = request["prompt"].as_str().context("a prompt")?;
        let counted = self.tokenizer.count(prompt, SpecialTokens::Counted)?;
        let info = &entry["info"];
        assert_eq!(info["request_metrics"]["text"]["input_tokens"], counted);
        let metrics = &info["response_metrics"];
        assert_eq!(metrics["server_usage"]["completion_tokens"], self.whole);
        assert_eq!(metrics["output_tokens"], self.whole);
        Ok(())
    }

    /// Checks the instants of a streamed answer; gives the gaps between its chunks, seconds.
    fn gaps(&self, entry: &Value) -> Result<Vec<f64>> {
        let metrics = &entry["info"]["response_metrics"];
        let chunks = numbers(&metrics["chunk_times"])?;
        assert_eq!(chunks.len(), CHUNKS.len(), "what has no text is no chunk");
        let start = entry["start_time"].as_f64().context("a start")?;
        for (at, number) in chunks.iter().zip(0..) {
            // The server sleeps so long at least before it writes the chunk; a late machine only adds to it.
            let least = (FIRST + GAP * number).as_secs_f64() - ROUNDING_SECONDS;
            assert!(at - start >= least, "chunk {number} of {chunks:?} from {start}");
        }
        let tokens = numbers(&metrics["output_token_times"])?;
        assert_eq!(tokens.len() as u64, self.pieces);
        assert_eq!(tokens.windows(2).filter(|pair| pair[1] > pair[0]).count(), CHUNKS.len() - 1);
        Ok(chunks.windows(2).map(|pair| pair[1] - pair[0]).collect())
    }
}

#[test]
fn counts_are_exact_and_instants_are_those_of_the_chunks() -> Result<()> {
    let _machine = machine();
    let counts = Counts::new()?;
    for (streaming, server_tokens) in [(true, false), (true, true), (false, false)] {
        let (entries, successes, gaps) = run(streaming, server_tokens)?;
        assert_eq!((entries.len(), gaps.len()), (REQUESTS, REQUESTS), "no probes, no retries");
        counts.check_summary(&successes, streaming);
        for entry in &entries {
            counts.check_entry(entry)?;
        }
        if streaming {
            let observed =
                entries.iter().map(|entry| counts.gaps(entry)).collect::<Result<Vec<_>>>()?.concat();
            let sent = gaps.concat();
            let mean = |gaps: &[f64]| gaps.iter().sum::<f64>() / gaps.len() as f64;
            assert!((mean(&observed) - mean(&sent)).abs() < 0.02, "{} {}", mean(&observed), mean(&sent));
        }
    }
    Ok(())
}
