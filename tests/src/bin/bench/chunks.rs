//! Bench (b), chunks: how far the instants of chunks of one and of several tokens are from the server's.

use anyhow::{Result, ensure};

use crate::figures::{Limit, Table, median};
use crate::ours::{self, Data, Job, Load};
use crate::paced::{self, OUTPUT_TOKENS};
use crate::target::{MODEL, Model, Target};
use crate::{Scene, progress};

const RATE: u64 = 300;
const SECONDS: u64 = 5;
const INPUT_TOKENS: u32 = 16;
const TOKENS_PER_CHUNK: [&str; 3] = ["1", "4", "7"];

pub(crate) fn bench(scene: &Scene) -> Result<Table> {
    let mut table = Table::new(format!("(b) Chunks of several tokens, {RATE} requests/s, even gaps"));
    let small = &scene.tokenizers.small;
    let data = Data::Synthetic { tokenizer: small, input: INPUT_TOKENS, output: OUTPUT_TOKENS };
    let folder = scene.folder.join("chunks");
    for tokens_per_chunk in TOKENS_PER_CHUNK {
        let target = Target::start(&Model { tokens_per_chunk, ..paced::model(MODEL, small) })?;
        for round in 1..=scene.runs {
            progress(&format!("(b) chunks of {tokens_per_chunk}, round {round}"));
            target.reset()?;
            let load = Load::Even { rate: RATE, seconds: scene.scaled(SECONDS) };
            let run = ours::run(&target, Job { model: MODEL, load, data, server_counts: false }, &folder)?;
            let (records, truth) = (run.records()?, paced::truth(&target)?);
            ensure!(records.len() == truth.len(), "a request failed");
            let mut errors = Vec::new();
            for (record, trace) in records.iter().zip(&truth) {
                ensure!(record.chunks.len() == trace.chunk_written_ns.len(), "a chunk is missing");
                let start = record.start.unwrap_or(record.due);
                let pairs = record.chunks.iter().zip(&trace.chunk_written_ns);
                errors.extend(pairs.map(|(chunk, &at)| ((chunk.at - start) as f64 - at as f64).abs() / 1e6));
            }
            let name = format!("{tokens_per_chunk} tokens a chunk: error of their instants, median");
            table.add(&name, "ms", median(&errors), Limit::AtMost(0.5));
        }
    }
    table.note(format!(
        "{SECONDS} s of {OUTPUT_TOKENS} tokens; every chunk's instant from the start of its request, the client's less the \
         server's from arrival to its write."
    ));
    Ok(table)
}
