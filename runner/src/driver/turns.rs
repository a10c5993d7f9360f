//! One turn of a conversation: waits for the one before it, says what was said so far, and adds what comes back.

use std::rc::Rc;

use benchmark_schemas::record::{ChunkKind, Outcome, TurnFacts};

use super::conversations::{Entry, Floor};
use super::permits::Permit;
use super::request::{self, Pending, Sender};
use super::stop::Stop;
use crate::client::{Exchange, Transport};
use crate::clock::Clock;
use crate::workload::{Prepared, Turn};

/// Sends a turn when it may be sent and follows it to its end. A stop before that leaves it unsent.
pub(super) async fn run<C: Clock, T: Transport>(
    sender: Rc<Sender<C, T>>,
    (mut request, exchange): (Prepared, Exchange),
    mut pending: Pending<C>,
    (permit, entry, stop): (Option<Permit>, Entry, Stop),
) {
    let Some(turn) = request.turn.take() else {
        unreachable!("only turns of conversations enter them");
    };
    let waits = entry.waits();
    let floor = tokio::select! {
        biased;
        () = stop.requested() => None,
        floor = ready(&sender.clock, entry, permit, &turn) => floor,
    };
    let Some((floor, paused)) = floor else {
        pending.end(Outcome::NotDispatched);
        return;
    };
    let place = turn.place;
    if place.round == 0
        && let Some(mut history) = floor.history_mut()
    {
        history.clear();
    }
    if let Some(history) = floor.history() {
        let (body, tokens) = turn.body(&history);
        request.body = body;
        request.prompt_tokens = request.prompt_tokens.saturating_add(tokens);
        request.drawn.prompt_tokens = request.drawn.prompt_tokens.saturating_add(tokens);
    }
    // Whoever did not wait could be sent since it was due and had a permit.
    let ready = (waits || paused).then_some(sender.clock.now());
    pending.note_turn(TurnFacts { speaker: place.speaker, round: place.round, ready });
    let outcome = request::outcome(&sender, (request, exchange), &mut pending).await;
    floor.end(pending.exchange().last_byte.unwrap_or_else(|| sender.clock.now()));
    if outcome == Outcome::Success
        && let Some(mut history) = floor.history_mut()
    {
        let (answer, tokens) = answer(pending.exchange());
        history.add(*turn, &answer, tokens);
    }
    pending.end(outcome);
    drop(floor);
}

/// Waits until the turn may be sent: the one before it has ended, and the pause after that is over. Tells whether there was
/// one. `None` if nobody can hand on the right to speak any more: the worker is going down.
async fn ready<C: Clock>(
    clock: &C,
    entry: Entry,
    permit: Option<Permit>,
    turn: &Turn,
) -> Option<(Floor, bool)> {
    let floor = match entry {
        Entry::Free(floor) => floor.with(permit),
        Entry::Waits(floor) => floor.await.ok()?,
    };
    let until = floor.ended_before().map(|ended| ended.saturating_add(turn.place.pause_ns));
    let pause = until.filter(|&until| turn.place.pause_ns > 0 && until > clock.now());
    if let Some(until) = pause {
        clock.sleep_until(until).await;
    }
    Some((floor, pause.is_some()))
}

/// The answer proper and its tokens: the server's count, else its chunks.
fn answer(exchange: &Exchange) -> (String, u32) {
    let content = exchange.chunk_texts().filter(|(mark, _)| mark.kind == ChunkKind::Content);
    let text = if exchange.marks.is_empty() {
        exchange.text.clone()
    } else {
        content.map(|(_, text)| text).collect()
    };
    let counted = exchange.usage.as_ref().and_then(|usage| {
        let count = usage.get("completion_tokens").or_else(|| usage.get("output_tokens"))?;
        u32::try_from(count.as_u64()?).ok()
    });
    let known = exchange.known_tokens.map(|(_, answer)| answer);
    let chunks = u32::try_from(exchange.marks.len()).unwrap_or(u32::MAX);
    (text, counted.or(known).unwrap_or(chunks))
}
