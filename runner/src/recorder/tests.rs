//! Records of finished requests, and a recorder at work.

use benchmark_schemas::record::ChunkKind;

use crate::client::Mark;
use crate::spool::SpoolReader;
use crate::workload::{Prepared, fixtures};

use super::*;

fn finished(index: u64, chunks: &[&str]) -> Finished {
    let mut exchange = Exchange { start: Some(1), last_byte: Some(9), ..Exchange::default() };
    for (at, chunk) in (2..).zip(chunks) {
        exchange.text.push_str(chunk);
        let text_end = u32::try_from(exchange.text.len()).expect("short");
        exchange.marks.push(Mark { at, text_end, kind: ChunkKind::Content });
    }
    let usage = serde_json::json!({
        "prompt_tokens": 4, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}
    });
    exchange.usage = usage.as_object().cloned();
    exchange.response = b"raw".to_vec();
    exchange.chunk_json = vec!["{}".to_owned()];
    Finished {
        stage: 2,
        index,
        due: 0,
        permitted: Some(1),
        end: 9,
        outcome: Outcome::Success,
        retries: None,
        turn: None,
        media: Vec::new(),
        drawn: None,
        prompt_tokens: 4,
        request_bytes: 4,
        body: Some(Bytes::from_static(b"body")),
        exchange,
    }
}

const DRAWN: Drawn = Drawn { prompt_tokens: 5, output_tokens: 3 };

struct Drawing;

impl Workload for Drawing {
    fn drawn(&self, stage: u32, index: u64) -> Drawn {
        assert!(stage == 2 && index < 5, "it is asked about those that have finished");
        assert!(index.is_multiple_of(2), "it is not asked about requests that were made");
        DRAWN
    }

    fn prepare(&self, _stage: u32, _index: u64) -> Prepared {
        unreachable!("recorders make no requests")
    }
}

fn options(tokenizer: Option<Tokenizer>, keep: Keep) -> RecordOptions {
    let tokenizer = tokenizer.map(Arc::new);
    RecordOptions { tokenizer, keep, ..RecordOptions::default() }
}

#[test]
fn a_record_has_all_facts_and_counts() {
    let options = options(Some(fixtures::byte_level(&["time"])), Keep::default());
    let mut counter = Counter::new(options.tokenizer.clone());
    let record = make_record(finished(7, &["a", " ti", "me"]), DRAWN, &options, &mut counter);
    assert_eq!((record.stage, record.index, record.end), (2, 7, 9));
    assert_eq!((record.prompt_tokens, record.drawn_prompt_tokens, record.max_tokens), (4, 5, 3));
    assert_eq!(record.request_bytes, 4);
    // Alone the pieces are 1, 1 and 2 tokens; together " time" is one.
    assert_eq!(record.chunks.iter().map(|chunk| chunk.tokens).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(record.output_tokens, Some(2));
    let usage = record.usage.expect("usage");
    assert_eq!(
        (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens),
        (Some(4), Some(3), Some(2))
    );
    assert!(usage.raw.contains("\"prompt_tokens\":4"));
    assert_eq!(record.bodies, None);
}

#[test]
fn without_a_tokenizer_a_chunk_is_a_token_and_the_answer_is_not_counted() {
    let options = options(None, Keep::default());
    let record = make_record(finished(0, &["a", " b"]), DRAWN, &options, &mut Counter::new(None));
    assert_eq!(record.output_tokens, None);
    assert!(record.chunks.iter().all(|chunk| chunk.tokens == 1));
}

#[test]
fn nothing_came_nothing_is_counted() {
    let options = options(Some(fixtures::byte_level(&[])), Keep::default());
    let mut counter = Counter::new(options.tokenizer.clone());
    let cancelled = Finished { outcome: Outcome::Cancelled, ..finished(0, &[]) };
    assert_eq!(make_record(cancelled, DRAWN, &options, &mut counter).output_tokens, None);
    assert_eq!(make_record(finished(0, &[]), DRAWN, &options, &mut counter).output_tokens, Some(0));
}

#[test]
fn texts_are_kept_as_asked_for() {
    let keep = Keep { request: true, response: false, chunks: true };
    let options = options(None, keep);
    let record = make_record(finished(0, &["a"]), DRAWN, &options, &mut Counter::new(None));
    let bodies = record.bodies.expect("kept");
    assert_eq!(bodies.request.as_deref(), Some("body"));
    assert_eq!(bodies.response, None);
    assert_eq!(bodies.chunks, Some(vec!["{}".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn the_spool_has_records_after_a_barrier_and_the_system_has_them_after_a_second() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = SharedSpool::new(SpoolWriter::create(folder.path()).expect("a spool"));
    let (sender, inbox) = mpsc::channel(8);
    let task = tokio::spawn(record(
        inbox,
        options(None, Keep::default()),
        Arc::new(Drawing),
        spool.clone(),
        Arc::new(Live::new(true)),
        CancellationToken::new(),
    ));
    let made = Drawn { prompt_tokens: 8, output_tokens: 9 };
    for index in 0..5 {
        // Every other request was made: then its own lengths hold.
        let drawn = (index % 2 == 1).then_some(made);
        let message = Message::Finished(Box::new(Finished { drawn, ..finished(index, &["a"]) }));
        sender.send(message).await.expect("taken");
    }
    let (reached, barrier) = oneshot::channel();
    sender.send(Message::Barrier(reached)).await.expect("taken");
    barrier.await.expect("answered");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let entries: Vec<_> = SpoolReader::open(folder.path()).expect("a spool").collect();
    assert_eq!(entries.len(), 5);
    let is_drawn = |entry: &Result<SpoolEntry, _>| {
        let Ok(SpoolEntry::Request(record)) = entry else { return false };
        let wanted = if record.index % 2 == 1 { made } else { DRAWN };
        (record.drawn_prompt_tokens, record.max_tokens) == (wanted.prompt_tokens, wanted.output_tokens)
    };
    assert!(entries.iter().all(is_drawn), "{entries:?}");
    drop(sender);
    task.await.expect("it ends with its senders");
}
