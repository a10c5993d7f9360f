//! A stream of events that lies in memory, read as the measured path reads it: for tests, fuzzing and benches.

use benchmark_schemas::record::{Failure, Nanos};

use super::{AnswerReading, Chunks, Exchange, Keep, SseDecoder};

/// What a stream says that comes in `pieces`, the first of them read at instant 0, the next at 1, and so on; and the first
/// error that it reports.
pub fn read_pieces<'a>(
    reading: AnswerReading,
    keep: Keep,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Exchange, Option<Failure>) {
    let (mut facts, mut chunks, mut error) = (Exchange::default(), Chunks::new(reading), None);
    let mut events = SseDecoder::default();
    let mut at: Nanos = 0;
    let mut add = |event: &[u8], at| {
        if let Err(failure) = facts.add_event(&mut chunks, event, at, keep) {
            error.get_or_insert(failure);
        }
    };
    for piece in pieces {
        events.push(piece, |event| add(event, at));
        at += 1;
    }
    events.finish(|event| add(event, at));
    (facts, error)
}

#[cfg(test)]
mod tests;
