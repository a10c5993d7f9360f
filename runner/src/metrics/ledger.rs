//! How tokens came in time beyond upstream's rule: chunks by kind, gaps under the other two rules in use, stalls.
//!
//! A chunk of k tokens that comes g after the one before says nothing of the k − 1 gaps within it. Upstream takes g and
//! k − 1 zeros ([`super::request::token_gaps`]). *Divided* takes k times g / k: the server made them evenly and sent them
//! together. *Repeated* takes k times g: what a reader waits for is the chunk. With one token a chunk all three are one.

use benchmark_schemas::record::{Chunk, ChunkCount, ChunkKind, Record};

use super::percentile::Percentiles;
use super::pool::{Dist, Pool};
use super::request::token_times;
use crate::clock::seconds;

/// A wait is a stall as far as it is longer than so many of the answer's own mean gaps.
const STALL_GAPS: f64 = 3.0;

/// Token timing of a set of streamed answers.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    content: KindCounts,
    reasoning: KindCounts,
    tool_call: KindCounts,
    /// Chunks of more than one token.
    pub multi_token_chunks: u64,
    /// Answers whose chunks nobody counted, so that each stands for one token.
    pub uncounted_answers: u64,
    /// Gaps under the two other rules, seconds; `None` as long as they are upstream's.
    other_rules: Option<Box<OtherRules>>,
    /// [`stall_index`] of each answer.
    stall_index: Pool,
}

/// Chunks of a kind and their tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KindCounts {
    /// Chunks.
    pub chunks: u64,
    /// Their tokens.
    pub tokens: u64,
}

#[derive(Debug, Clone)]
struct OtherRules {
    divided: Pool,
    repeated: Pool,
}

/// Distributions of the two other rules.
#[derive(Debug, Clone, PartialEq)]
pub struct GapDists {
    /// k times g / k.
    pub divided: Option<Dist>,
    /// k times g.
    pub repeated: Option<Dist>,
}

impl Ledger {
    /// Adds a successful record, or shows it again; `upstream` has the gaps of those before it under upstream's rule.
    pub fn push(&mut self, record: &Record, upstream: &Pool, first_pass: bool) {
        if first_pass {
            self.count(record);
        }
        if self.stall_index.is_open()
            && let Some(index) = stall_index(record)
        {
            self.stall_index.push(index);
        }
        if first_pass && self.other_rules.is_none() && record.streamed && has_several(&record.chunks) {
            let pool = || upstream.clone();
            self.other_rules = Some(Box::new(OtherRules { divided: pool(), repeated: pool() }));
        }
        if let Some(rules) = &mut self.other_rules {
            for (gap, tokens) in chunk_gaps(record) {
                for _ in 0..tokens {
                    rules.divided.push(gap / f64::from(tokens));
                    rules.repeated.push(gap);
                }
            }
        }
    }

    fn count(&mut self, record: &Record) {
        self.uncounted_answers +=
            u64::from(record.rules.chunks == ChunkCount::OneEach && !record.chunks.is_empty());
        for chunk in &record.chunks {
            let counts = match chunk.kind {
                ChunkKind::Content => &mut self.content,
                ChunkKind::Reasoning => &mut self.reasoning,
                ChunkKind::ToolCall => &mut self.tool_call,
            };
            counts.chunks += 1;
            counts.tokens += u64::from(chunk.tokens);
            self.multi_token_chunks += u64::from(chunk.tokens > 1);
        }
    }

    /// Ends a pass; true if the records must be pushed once more.
    pub fn end_pass(&mut self, percentiles: &Percentiles) -> bool {
        let mut open = self.stall_index.end_pass(percentiles);
        if let Some(rules) = &mut self.other_rules {
            open |= rules.divided.end_pass(percentiles);
            open |= rules.repeated.end_pass(percentiles);
        }
        open
    }

    /// Gaps under the two other rules; `upstream` has those under upstream's.
    pub fn gaps(&self, upstream: &Pool, percentiles: &Percentiles) -> GapDists {
        let pools = self.other_rules.as_ref().map(|rules| (&rules.divided, &rules.repeated));
        let (divided, repeated) = pools.unwrap_or((upstream, upstream));
        GapDists { divided: divided.dist(percentiles), repeated: repeated.dist(percentiles) }
    }

    /// The counts of each kind, under the names that reports use.
    pub fn kinds(&self) -> [(&'static str, KindCounts); 3] {
        [("content", self.content), ("reasoning", self.reasoning), ("tool_call", self.tool_call)]
    }

    /// The answers' stall indices.
    pub fn stall_index(&self, percentiles: &Percentiles) -> Option<Dist> {
        self.stall_index.dist(percentiles)
    }
}

fn has_several(chunks: &[Chunk]) -> bool {
    chunks.iter().any(|chunk| chunk.tokens > 1)
}

/// Time from each chunk to the next, seconds, and the tokens of the latter.
fn chunk_gaps(record: &Record) -> impl Iterator<Item = (f64, u32)> {
    let mut before = None;
    token_times(record)
        .filter_map(move |(at, tokens)| before.replace(at).map(|before| (seconds(at - before), tokens)))
}

/// The share of the time from the first token of an answer to the last that its reader was kept waiting: 0 for tokens at
/// an even pace, near 1 if nearly all of the time is one pause. `None` without any gap.
///
/// Of each wait for the next bytes counts what is beyond three of the answer's own mean gaps, for each token that they
/// bring. Chunks of one instant came in the same bytes and are one.
pub fn stall_index(record: &Record) -> Option<f64> {
    let (mut times, mut tokens) = (token_times(record), 0);
    let (first, _) = times.next()?;
    let last = times.fold(first, |_, (at, more)| {
        tokens += more;
        at
    });
    let whole = seconds(last - first);
    if tokens == 0 || whole <= 0.0 {
        return None;
    }
    let bearable = STALL_GAPS * whole / f64::from(tokens);
    let (mut from, mut to, mut brought, mut stalled) = (first, first, 0, 0.0);
    let wait = |from, to, brought| (seconds(to - from) - bearable * f64::from(brought)).max(0.0);
    for (at, more) in token_times(record).skip(1) {
        if at == to {
            brought += more;
            continue;
        }
        stalled += wait(from, to, brought);
        (from, to, brought) = (to, at, more);
    }
    stalled += wait(from, to, brought);
    Some(stalled / whole)
}

#[cfg(test)]
#[path = "ledger/tests.rs"]
mod tests;
