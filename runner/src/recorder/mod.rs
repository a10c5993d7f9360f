//! Finished requests to records in the spool.
//!
//! Runs beside the measuring threads: counting tokens costs more than all the rest of a request. It takes finished
//! requests from a bounded channel; whoever sends a request reserves its place there first, so handing it over never
//! waits and nothing queues without bound. It knows nothing of schedules and reports.

mod counter;
mod disk;
mod failures;
mod live;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use benchmark_schemas::record::{
    AnswerCount, Bodies, Chunk, ChunkCount, Medium, Nanos, Objectives, Outcome, Record, Retries, SpoolEntry,
    TokenRules, TurnFacts, Usage,
};
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::breakers::Breakers;
use crate::client::{Exchange, Keep, Secrets};
use crate::spool::SpoolWriter;
use crate::workload::{Adapters, Drawn, Tokenizer, Workload};

pub use disk::keep_on_disk;
pub use failures::FailureLog;
pub use live::{Live, LiveLatency};

use counter::Counter;

/// Finished requests that may wait to be recorded, beyond those in flight.
pub const BACKLOG: usize = 2048;
/// Longest time that a record waits in memory before the system has it, which keeps it even if the program is killed.
const FLUSH_PERIOD: Duration = Duration::from_millis(250);

/// A request that has come to its end.
#[derive(Debug)]
pub struct Finished {
    /// Number of the stage.
    pub stage: u32,
    /// Position of the arrival in its stage.
    pub index: u64,
    /// When it was due.
    pub due: Nanos,
    /// When it held an in-flight permit.
    pub permitted: Option<Nanos>,
    /// When it ended.
    pub end: Nanos,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it was sent more than once.
    pub retries: Option<Retries>,
    /// Which turn of a conversation it was.
    pub turn: Option<TurnFacts>,
    /// Images, videos and sounds that were sent.
    pub media: Vec<Medium>,
    /// Lengths drawn for the request that was made; `None` if none was.
    pub drawn: Option<Drawn>,
    /// Tokens of the prompt that was made; 0 if none was.
    pub prompt_tokens: u32,
    /// Bytes of the body that was made; 0 if none was.
    pub request_bytes: u32,
    /// The body, if it is kept.
    pub body: Option<Bytes>,
    /// What came back.
    pub exchange: Exchange,
}

/// What recorders take.
#[derive(Debug)]
pub enum Message {
    /// A request to record.
    Finished(Box<Finished>),
    /// Answered when everything sent before it is in the spool.
    Barrier(oneshot::Sender<()>),
}

/// The spool as recorders share it.
#[derive(Debug, Clone)]
pub struct SharedSpool(Arc<Mutex<SpoolWriter>>);

impl SharedSpool {
    /// Shares `writer`.
    #[must_use]
    pub fn new(writer: SpoolWriter) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    /// The writer. A panic of another holder leaves it whole: entries are appended in one piece.
    pub fn writer(&self) -> MutexGuard<'_, SpoolWriter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What records hold beside the facts of the exchange. The default: streamed answers that nobody counts.
#[derive(Debug, Clone)]
pub struct RecordOptions {
    /// Counts tokens of answers; without it they are not counted, and the server's own counts are all there is.
    pub tokenizer: Option<Arc<Tokenizer>>,
    /// Answers were asked for as streams.
    pub streamed: bool,
    /// Upstream takes the server's count of an answer before the client's: for Anthropic's API.
    pub server_counts_first: bool,
    /// Texts to keep.
    pub keep: Keep,
    /// What is masked in texts.
    pub secrets: Secrets,
    /// Latency objectives that every request carries in its headers.
    pub objectives: Option<Objectives>,
    /// LoRA adapters that the requests are split among.
    pub adapters: Option<Arc<Adapters>>,
    /// Circuit breakers that see every record.
    pub breakers: Option<Arc<Breakers>>,
    /// Tells the log of failures; all recorders share it.
    pub failures: Arc<FailureLog>,
}

impl Default for RecordOptions {
    fn default() -> Self {
        Self {
            tokenizer: None,
            streamed: true,
            server_counts_first: false,
            keep: Keep::default(),
            secrets: Secrets::default(),
            objectives: None,
            adapters: None,
            breakers: None,
            failures: Arc::default(),
        }
    }
}

/// Records until nobody sends any more; hands what it has to the system four times a second. For an arrival whose
/// request was not made, `workload` tells the lengths.
///
/// `unrecorded` is cancelled when it can record no more: the spool refuses, or it ends. What is wrong with the spool the
/// spool itself keeps.
pub async fn record(
    mut inbox: mpsc::Receiver<Message>,
    options: RecordOptions,
    workload: Arc<dyn Workload>,
    spool: SharedSpool,
    live: Arc<Live>,
    unrecorded: CancellationToken,
) {
    // Also if a fault of its own ends it: nobody else would empty the channel.
    let unrecorded = unrecorded.drop_guard();
    let mut counter = Counter::new(options.tokenizer.clone());
    let mut flushing = tokio::time::interval(FLUSH_PERIOD);
    flushing.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = inbox.recv() => match message {
                Some(Message::Finished(finished)) => {
                    let drawn = finished.drawn.unwrap_or_else(|| workload.drawn(finished.stage, finished.index));
                    let record = make_record(*finished, drawn, &options, &mut counter);
                    live.note(&record);
                    options.failures.note(&record, &options.secrets);
                    let opened = options.breakers.as_ref().map(|breakers| breakers.observe(&record));
                    if spool.writer().append(&SpoolEntry::Request(Box::new(record))).is_err() {
                        return;
                    }
                    for opened in opened.into_iter().flatten() {
                        tracing::warn!("circuit breaker \"{}\" is open", opened.name);
                        // A spool that refuses does so for the next record too.
                        let _ = spool.writer().append(&SpoolEntry::BreakerOpened(Box::new(opened)));
                    }
                }
                Some(Message::Barrier(reached)) => drop(reached.send(())),
                None => break,
            },
            _ = flushing.tick() => if spool.writer().flush().is_err() {
                return;
            },
        }
    }
    if spool.writer().flush().is_ok() {
        unrecorded.disarm();
    }
}

fn make_record(finished: Finished, drawn: Drawn, options: &RecordOptions, counter: &mut Counter) -> Record {
    let exchange = &finished.exchange;
    let chunks = exchange.chunk_texts().map(|(mark, text)| Chunk {
        at: mark.at,
        tokens: counter.chunk(text),
        kind: mark.kind,
    });
    let chunks: Vec<Chunk> = chunks.collect();
    let output_tokens = output_tokens(&finished, &chunks, counter);
    Record {
        stage: finished.stage,
        index: finished.index,
        due: finished.due,
        permitted: finished.permitted,
        start: exchange.start,
        connected: exchange.connected,
        sent: exchange.sent,
        head: exchange.head,
        end: finished.end,
        adapter: options.adapters.as_ref().map(|all| all.of(finished.stage, finished.index).to_owned()),
        objectives: options.objectives,
        streamed: options.streamed,
        request_bytes: finished.request_bytes,
        prompt_tokens: exchange.known_tokens.map_or(finished.prompt_tokens, |(prompt, _)| prompt),
        drawn_prompt_tokens: drawn.prompt_tokens,
        max_tokens: drawn.output_tokens,
        output_tokens,
        rules: TokenRules {
            chunks: if options.tokenizer.is_some() { ChunkCount::Tokenizer } else { ChunkCount::OneEach },
            answer: if options.server_counts_first { AnswerCount::ServerFirst } else { AnswerCount::Client },
        },
        usage: usage(exchange, &options.secrets),
        chunks,
        done_seen: exchange.done_seen,
        retries: finished.retries,
        outcome: finished.outcome,
        bodies: bodies(finished.exchange, finished.body.as_ref(), options),
        turn: finished.turn,
        media: finished.media,
    }
}

/// Tokens of the answer; `None` if there is none or they cannot be counted. Tokens can merge across chunks, so those of
/// several are not just added up; but never from reasoning to answer or to a call, between which models have marks.
fn output_tokens(finished: &Finished, chunks: &[Chunk], counter: &mut Counter) -> Option<u32> {
    let exchange = &finished.exchange;
    if let Some((_, answer)) = exchange.known_tokens {
        return Some(answer);
    }
    let answered = finished.outcome == Outcome::Success && !exchange.no_answer;
    if !answered && exchange.text.is_empty() {
        return None;
    }
    let mut from = 0;
    exchange.rows().try_fold(0u32, |sum, (text, length)| {
        let only = if length == 1 { chunks.get(from).map(|chunk| chunk.tokens) } else { None };
        from += length;
        Some(sum.saturating_add(counter.whole(text, only)?))
    })
}

fn usage(exchange: &Exchange, secrets: &Secrets) -> Option<Usage> {
    // As if a server had counted, but had sent no usage.
    let known = exchange
        .known_tokens
        .map(|(prompt, _)| Usage { prompt_tokens: Some(u64::from(prompt)), ..Usage::default() });
    let Some(object) = &exchange.usage else { return known };
    let number = |key: &str| object.get(key).and_then(Value::as_u64);
    let details = object.get("prompt_tokens_details");
    // Tokens that a server has counted of no answer are none of an answer.
    let completion = number("completion_tokens").or_else(|| number("output_tokens"));
    Some(Usage {
        prompt_tokens: number("prompt_tokens").or_else(|| number("input_tokens")),
        completion_tokens: completion.filter(|_| !exchange.no_answer),
        cached_tokens: details.and_then(|details| details.get("cached_tokens")).and_then(Value::as_u64),
        // A map of JSON values is always text.
        raw: secrets.masked(serde_json::to_string(object).unwrap_or_default()),
    })
}

fn bodies(exchange: Exchange, request: Option<&Bytes>, options: &RecordOptions) -> Option<Box<Bodies>> {
    let keep = options.keep;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (keep != Keep::default()).then(|| {
        let masked = |text| options.secrets.masked(text);
        Box::new(Bodies {
            request: keep.request.then(|| request.map(|body| text(body)).unwrap_or_default()),
            response: keep.response.then(|| masked(text(&exchange.response))),
            chunks: keep.chunks.then(|| exchange.chunk_json.into_iter().map(masked).collect()),
        })
    })
}

#[cfg(test)]
mod tests;
