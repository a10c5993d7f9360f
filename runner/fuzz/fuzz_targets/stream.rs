//! Any bytes as a stream of events, of any API and in any pieces: nothing panics, and the pieces change nothing.
//!
//! The first byte chooses API and reading, the second how many cuts there are; two bytes for each cut follow, and the rest is
//! the stream.

#![no_main]

use benchmark_schemas::config::{AnswerTokens, ApiType};
use inference_perf::client::{AnswerReading, Keep, read_pieces};
use libfuzzer_sys::fuzz_target;

const KEEP: Keep = Keep { request: false, response: false, chunks: true };

fuzz_target!(|data: &[u8]| {
    let [choice, cuts, rest @ ..] = data else { return };
    let reading = AnswerReading {
        api: [ApiType::Completion, ApiType::Chat, ApiType::AnthropicMessages][usize::from(choice % 3)],
        tokens: if choice & 64 == 0 { AnswerTokens::All } else { AnswerTokens::Content },
    };
    let Some((cuts, stream)) = rest.split_at_checked(2 * usize::from(cuts % 16)) else { return };
    let places = cuts.chunks_exact(2).map(|pair| usize::from(u16::from_le_bytes([pair[0], pair[1]])));
    let mut places: Vec<usize> = places.map(|place| place.min(stream.len())).collect();
    places.extend([0, stream.len()]);
    places.sort_unstable();

    let (whole, error) = read_pieces(reading, KEEP, [stream]);
    let pieces = places.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
    let (found, found_error) = read_pieces(reading, KEEP, pieces);
    assert_eq!(found_error, error);
    assert_eq!(found.text, whole.text);
    assert_eq!(found.usage, whole.usage);
    assert_eq!(found.done_seen, whole.done_seen);
    assert_eq!(found.chunk_json, whole.chunk_json);
    assert!(found.marks.is_sorted_by_key(|mark| (mark.at, mark.text_end)));
    let marks = |facts: &inference_perf::client::Exchange| -> Vec<_> {
        facts.marks.iter().map(|mark| (mark.text_end, mark.kind)).collect()
    };
    assert_eq!(marks(&found), marks(&whole));
    // Each chunk alone says what it says among others: what came before must not change how it is read.
    for (chunk, (_, text)) in whole.chunk_json.iter().zip(whole.chunk_texts()) {
        let lines = chunk.replace('\n', "\ndata: ");
        let (alone, _) = read_pieces(reading, KEEP, [format!("data: {lines}\n\n").as_bytes()]);
        if !chunk.contains(['\r', '\u{fffd}']) {
            assert_eq!(alone.text, text);
        }
    }
});
