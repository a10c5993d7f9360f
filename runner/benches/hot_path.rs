//! The parts of the measured path and of the reports, one by one: prompts, schedules, framing, parsing, recording, percentiles.
//!
//! Throughputs are for one element: an arrival, a token, a request, a number.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use benchmark_schemas::config::{ApiType, Distribution, DistributionType};
use benchmark_schemas::record::{Nanos, Outcome, Pacing, Record, SpoolEntry};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use inference_perf::client::{AnswerReading, Chunks, Exchange, Keep, SseDecoder};
use inference_perf::metrics::percentile::Percentiles;
use inference_perf::metrics::pool::Pool;
use inference_perf::plan::StagePlan;
use inference_perf::recorder::{Finished, Live, Message, RecordOptions, SharedSpool, record};
use inference_perf::schedule;
use inference_perf::seed::{Purpose, Seed};
use inference_perf::spool::{SpoolReader, SpoolWriter};
use inference_perf::workload::{BodyOptions, Lengths, Mock, Synthetic, Tokenizer, Workload as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Tokens of an answer.
const TOKENS: u32 = 128;
/// Bytes that arrive at once from a server that does not wait.
const PIECE: usize = 16 << 10;

const CHUNK: &[u8] = br#"{"id":"cmpl-0123456789abcdef","object":"text_completion","created":1764000000,"model":"bench-model","choices":[{"index":0,"text":" kanto","logprobs":null,"finish_reason":null}],"usage":null}"#;
const ESCAPED: &[u8] = br#"{"id":"cmpl-0123456789abcdef","object":"text_completion","created":1764000000,"model":"bench-model","choices":[{"index":0,"text":" ka\nn\u00e9","logprobs":null,"finish_reason":null}],"usage":null}"#;
const CHAT: &[u8] = br#"{"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk","created":1764000000,"model":"bench-model","choices":[{"index":0,"delta":{"content":" kanto"},"logprobs":null,"finish_reason":null}],"usage":null}"#;
const USAGE: &[u8] = br#"{"id":"cmpl-0123456789abcdef","object":"text_completion","created":1764000000,"model":"bench-model","choices":[],"usage":{"prompt_tokens":512,"completion_tokens":128,"total_tokens":640}}"#;

fn schedules(criterion: &mut Criterion) {
    const ARRIVALS: u64 = 10_000;
    let mut group = criterion.benchmark_group("schedule");
    group.throughput(Throughput::Elements(ARRIVALS));
    let laws = [
        ("constant", Pacing::ScaledExponential),
        ("even", Pacing::Even),
        ("poisson", Pacing::Poisson),
        ("gamma", Pacing::Gamma { burstiness: 0.5 }),
    ];
    for (name, pacing) in laws {
        let stage = StagePlan::new(0, 1_000.0, 10.0, pacing);
        group.bench_function(name, |bencher| {
            bencher
                .iter(|| schedule::of_stage(&stage, Seed(1)).arrivals().map(|arrival| arrival.offset).max());
        });
    }
    group.finish();
}

/// A streamed answer as it is sent.
fn stream() -> Vec<u8> {
    let mut bytes = Vec::new();
    for data in std::iter::repeat_n(CHUNK, TOKENS as usize).chain([USAGE, b"[DONE]"]) {
        bytes.extend_from_slice(b"data: ");
        bytes.extend_from_slice(data);
        bytes.extend_from_slice(b"\n\n");
    }
    bytes
}

fn framing(criterion: &mut Criterion) {
    let stream = stream();
    let event = stream.len() / TOKENS as usize;
    let mut group = criterion.benchmark_group("framing");
    group.throughput(Throughput::Elements(u64::from(TOKENS)));
    // An event a read, as from a real server; several at once; and events cut in two.
    for (name, piece) in [("whole events", event), ("16 KiB", PIECE), ("100 bytes", 100)] {
        group.bench_with_input(BenchmarkId::from_parameter(name), &piece, |bencher, &piece| {
            bencher.iter(|| {
                let mut decoder = SseDecoder::default();
                let mut bytes = 0;
                for piece in stream.chunks(piece) {
                    decoder.push(piece, |data| bytes += data.len());
                }
                bytes
            });
        });
    }
    group.finish();
}

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parsing");
    group.throughput(Throughput::Elements(u64::from(TOKENS)));
    let (completion, chat) = (ApiType::Completion, ApiType::Chat);
    for (name, api, data) in [
        ("alike", completion, CHUNK),
        ("alike, of a chat", chat, CHAT),
        ("scanned, with escapes", completion, ESCAPED),
        ("typed, with usage", completion, USAGE),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || {
                    let mut exchange = Exchange::default();
                    exchange.expect_tokens(TOKENS);
                    (exchange, Chunks::new(AnswerReading { api, ..AnswerReading::default() }))
                },
                |(exchange, chunks)| {
                    for at in 0..Nanos::from(TOKENS) {
                        let added = exchange.add_event(chunks, black_box(data), at, Keep::default());
                        added.expect("no error in it");
                    }
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn finished(index: u64) -> Finished {
    let mut exchange = Exchange { start: Some(1), last_byte: Some(700_000_000), ..Exchange::default() };
    let mut chunks = Chunks::default();
    for token in 0..Nanos::from(TOKENS) {
        let at = 50_000_000 + 5_000_000 * token;
        exchange.add_event(&mut chunks, CHUNK, at, Keep::default()).expect("no error in it");
    }
    exchange.add_event(&mut chunks, USAGE, 0, Keep::default()).expect("no error in it");
    Finished {
        stage: 0,
        index,
        due: 0,
        permitted: Some(1),
        end: 700_000_000,
        outcome: Outcome::Success,
        retries: None,
        drawn: None,
        turn: None,
        media: Vec::new(),
        prompt_tokens: 512,
        request_bytes: 2_100,
        body: None,
        exchange,
    }
}

/// Records `requests` into a spool in `folder`.
fn record_all(requests: Vec<Finished>, folder: &std::path::Path) {
    let (sender, inbox) = mpsc::channel(requests.len());
    for finished in requests {
        sender.try_send(Message::Finished(Box::new(finished))).expect("there is room for all");
    }
    drop(sender);
    let spool = SharedSpool::new(SpoolWriter::create(folder).expect("a spool"));
    let options = RecordOptions::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let workload = Arc::new(Mock::new(None, BodyOptions::new(ApiType::Completion, "bench-model")));
    let (live, unrecorded) = (Arc::new(Live::new(true)), CancellationToken::new());
    runtime.block_on(record(inbox, options, workload, spool, live, unrecorded));
}

fn a_record() -> Record {
    let folder = tempfile::tempdir().expect("a folder");
    record_all(vec![finished(0)], folder.path());
    match SpoolReader::open(folder.path()).expect("a spool").next().expect("an entry").expect("a whole one") {
        SpoolEntry::Request(record) => *record,
        other => panic!("{other:?} is no request"),
    }
}

fn recording(criterion: &mut Criterion) {
    const REQUESTS: u64 = 1_000;
    let folder = tempfile::tempdir().expect("a folder");
    let mut group = criterion.benchmark_group("recording");
    group.throughput(Throughput::Elements(REQUESTS));
    group.bench_function("finished request to spool", |bencher| {
        bencher.iter_batched(
            || (0..REQUESTS).map(finished).collect(),
            |requests| record_all(requests, folder.path()),
            BatchSize::LargeInput,
        );
    });
    let entry = SpoolEntry::Request(Box::new(a_record()));
    group.bench_function("record to bytes", |bencher| {
        bencher.iter(|| {
            (0..REQUESTS).map(|_| postcard::to_stdvec(&entry).expect("encoded").len()).sum::<usize>()
        });
    });
    group.bench_function("record to spool", |bencher| {
        bencher.iter(|| {
            let mut spool = SpoolWriter::create(folder.path()).expect("a spool");
            (0..REQUESTS).for_each(|_| spool.append(&entry).expect("appended"));
        });
    });
    group.bench_function("spool to records", |bencher| {
        bencher.iter(|| SpoolReader::open(folder.path()).expect("a spool").count());
    });
    group.finish();
}

fn percentiles(criterion: &mut Criterion) {
    let wanted = Percentiles::new(&[50.0, 90.0, 99.0, 99.9]);
    let mut group = criterion.benchmark_group("percentiles");
    // One that is kept whole, and one that is searched in passes.
    for numbers in [20_000_u64, 1_000_000] {
        group.throughput(Throughput::Elements(numbers));
        group.bench_with_input(BenchmarkId::from_parameter(numbers), &numbers, |bencher, &numbers| {
            // Gaps near 5 ms, as those of tokens.
            let gap = |i: u64| 0.005 + (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 * 1e-11;
            bencher.iter(|| {
                let mut pool = Pool::default();
                loop {
                    (0..numbers).for_each(|i| pool.push(gap(i)));
                    if !pool.end_pass(&wanted) {
                        return pool.dist(&wanted);
                    }
                }
            });
        });
    }
    group.finish();
}

/// Prompts of 512 tokens with their bodies, as generators make them.
fn prompts(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    model_server_simulator::tokenizer::write_small_tokenizer(folder.path()).expect("a tokenizer");
    let tokenizer = Arc::new(Tokenizer::load(folder.path()).expect("loaded"));
    let lengths = |purpose| {
        let kind = DistributionType::Fixed;
        Lengths::new(Distribution { kind, mean: 512.0, ..Distribution::default() }, Seed(1), purpose)
    };
    let both = || (lengths(Purpose::InputLength), lengths(Purpose::OutputLength));
    let options = || BodyOptions::new(ApiType::Completion, "bench-model");
    let synthetic = Synthetic::new(Seed(1), Arc::clone(&tokenizer), None, both(), options()).expect("words");
    let random = Synthetic::random(Seed(1), Arc::clone(&tokenizer), both(), options()).expect("words");
    let mut group = criterion.benchmark_group("prompts of 512 tokens");
    group.throughput(Throughput::Elements(1));
    for (name, workload) in [("synthetic", &synthetic), ("random", &random)] {
        let mut index = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                index += 1;
                workload.prepare(0, index)
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = hot_path;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(20);
    targets = prompts, schedules, framing, parsing, recording, percentiles
}
criterion_main!(hot_path);
