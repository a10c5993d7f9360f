//! Turns of conversations: their order, what they say, and what becomes of those that wait.

use super::*;
use crate::workload::{Turn, TurnPlace};

/// Speakers who ask in turn; each goes on for ever.
struct Speakers {
    count: u64,
    pause_ns: Nanos,
}

impl Workload for Speakers {
    fn drawn(&self, _stage: u32, _index: u64) -> Drawn {
        Drawn { prompt_tokens: 1, output_tokens: 7 }
    }

    fn prepare(&self, stage: u32, index: u64) -> Prepared {
        let (speaker, round) = (index % self.count, index / self.count);
        let place = TurnPlace { speaker, round, pause_ns: if round > 0 { self.pause_ns } else { 0 } };
        Prepared::of_turn(index, Turn::asking(place, &format!("q{index}")), 1, self.drawn(stage, index))
    }

    fn speakers(&self) -> Option<u64> {
        Some(self.count)
    }
}

fn speakers(count: u64) -> Arc<Speakers> {
    Arc::new(Speakers { count, pause_ns: 0 })
}

/// What request `index` asks.
fn prompt(run: &Run, index: u64) -> String {
    let body: serde_json::Value = serde_json::from_slice(&run.seen[&index]).expect("JSON");
    body["prompt"].as_str().expect("a prompt").to_owned()
}

/// Makes sure that no turn of any of `count` speakers begins before the one before it has ended and `pause_ns` after it.
fn assert_in_order(records: &[Record], count: u64, pause_ns: Nanos) {
    let count = usize::try_from(count).expect("few");
    for (before, after) in records.iter().zip(&records[count..]) {
        let (start, turn) = (after.start.expect("sent"), after.turn.expect("a turn"));
        assert_eq!(before.turn.map(|turn| turn.speaker), Some(turn.speaker));
        let free = before.end + pause_ns;
        assert!(start >= free, "{before:?}\n{after:?}");
        // Not later either than it could be, within the timer's millisecond.
        assert!(start <= free.max(after.due) + 2 * MS, "{before:?}\n{after:?}");
        assert_eq!(turn.ready.is_some(), free > after.due, "{before:?}\n{after:?}");
    }
}

#[test]
fn a_turn_waits_for_the_one_before_it_and_says_it_again() {
    let mut asked = Vec::new();
    for workers in [1, 2, 5] {
        // Speaker 0 is slow: its turns pile up; the others answer long before they are asked again.
        let script = |index| Answer::Says(if index % 3 == 0 { 150 * MS } else { 20 * MS });
        let run = run_of(speakers(3), &even(30.0, 1.0), settings(workers, 100), StopAt::Never, script);
        assert_one_each(&run.records, 30);
        assert!(run.records.iter().all(|record| record.outcome == Outcome::Success));
        assert_in_order(&run.records, 3, 0);
        assert_eq!(prompt(&run, 2), "q2");
        assert_eq!(prompt(&run, 8), "q2 a2 q5 a5 q8");
        // Without counts of the server's a whole answer has no tokens; each question has one.
        assert_eq!((run.records[8].prompt_tokens, run.records[8].drawn_prompt_tokens), (3, 3));
        asked.push((0..30).map(|index| prompt(&run, index)).collect::<Vec<_>>());
    }
    assert!(asked.iter().all(|prompts| *prompts == asked[0]), "whatever the number of workers");
}

#[test]
fn a_pause_is_kept_and_is_part_of_no_answer() {
    let workload = Arc::new(Speakers { count: 2, pause_ns: 300 * MS });
    let run = run_of(workload, &even(20.0, 1.0), settings(2, 100), StopAt::Never, |_| Answer::Says(10 * MS));
    assert_in_order(&run.records, 2, 300 * MS);
    for record in &run.records {
        assert!(record.end - record.start.expect("sent") <= 11 * MS, "{record:?}");
    }
    let last = &run.records[19];
    assert!((run.facts.window_end - last.end).abs() <= MS, "there is no pause after the last turn");
}

#[test]
fn what_failed_is_not_said_again() {
    let script = |index| if index == 2 { Answer::FailsAfter(50 * MS) } else { Answer::Says(50 * MS) };
    let run = run_of(speakers(1), &even(40.0, 0.1), settings(1, 100), StopAt::Never, script);
    assert_in_order(&run.records, 1, 0);
    assert_eq!(prompt(&run, 3), "q0 a0 q1 a1 q3");
}

#[test]
fn conversations_that_are_under_way_go_on_behind_a_full_cap() {
    let run =
        run_of(speakers(4), &even(100.0, 0.2), settings(2, 2), StopAt::Never, |_| Answer::Says(30 * MS));
    assert_one_each(&run.records, 20);
    assert!(run.records.iter().all(|record| record.outcome == Outcome::Success));
    for record in &run.records {
        let start = record.start.expect("sent");
        let others =
            run.records.iter().filter(|other| other.start.expect("sent") <= start && start < other.end);
        assert!(others.count() <= 2, "{record:?}");
    }
    for (before, after) in run.records.iter().zip(&run.records[4..]) {
        assert!(after.start >= Some(before.end));
    }
}

#[test]
fn turns_that_wait_when_the_stage_is_stopped_are_never_sent() {
    for stop in [StopAt::Gently(600 * MS), StopAt::AtOnce(600 * MS)] {
        let run = run_of(speakers(2), &even(20.0, 2.0), settings(2, 100), stop, |_| Answer::Says(400 * MS));
        assert_one_each(&run.records, 40);
        for record in &run.records {
            match record.start {
                Some(start) => assert!(start <= 601 * MS, "{record:?}"),
                None => assert_eq!(record.outcome, Outcome::NotDispatched),
            }
        }
        // Each speaker has had an answer within 600 ms, and asked again.
        assert_eq!(run.records.iter().filter(|record| record.start.is_some()).count(), 4);
    }
    let stage = StagePlan { timeout_ns: Some(500 * MS), ..even(20.0, 0.4) };
    let run = run_of(speakers(1), &stage, settings(1, 100), StopAt::Never, |_| Answer::Hangs);
    assert_eq!(run.facts.status, StageStatus::TimedOut);
    let outcomes: Vec<_> = run.records.iter().map(|record| &record.outcome).collect();
    assert_eq!(outcomes[0], &Outcome::Cancelled);
    assert!(outcomes[1..].iter().all(|outcome| **outcome == Outcome::NotDispatched));
}
