//! The driver in virtual time, with a server in memory; a few runs on real threads.

use std::collections::BTreeMap;
use std::sync::Mutex;

use benchmark_schemas::record::{Failure, Outcome, Pacing, Record};
use bytes::Bytes;
use proptest::prelude::*;
use tokio::runtime::{Builder, LocalOptions};

use super::*;
use crate::client::{Exchange, Fault, Transport};
use crate::clock::{Clock, MonotonicSource, TokioClock};
use crate::schedule::Shard;
use crate::seed::Seed;
use crate::spool::SpoolReader;
use crate::workload::{Drawn, Prepared};

mod rig;
mod turns;

use rig::*;

#[test]
fn a_slow_server_never_delays_arrivals() {
    for workers in [1, 3] {
        let run =
            run(&even(100.0, 1.0), settings(workers, 1_000), StopAt::Never, |_| Answer::After(60 * SECOND));
        assert_one_each(&run.records, 100);
        for record in &run.records {
            assert_eq!(record.outcome, Outcome::Success);
            let start = record.start.expect("sent");
            assert!((record.due..=record.due + MS).contains(&start), "{record:?}");
            assert_eq!(record.permitted, Some(start));
        }
        let facts = &run.facts;
        assert_eq!(facts.status, StageStatus::Completed);
        assert!((facts.window_end - facts.window_start - 61 * SECOND).abs() <= 5 * MS, "waits for the last");
        assert_eq!(facts.teardown_ns, 0);
    }
}

#[test]
fn behind_a_full_cap_requests_wait_in_order_and_it_shows() {
    let run = run(&even(100.0, 0.5), settings(1, 2), StopAt::Never, |_| Answer::After(100 * MS));
    assert_one_each(&run.records, 50);
    let permitted: Vec<_> = run.records.iter().map(|record| record.permitted.expect("sent")).collect();
    assert!(permitted.is_sorted());
    for (i, record) in run.records.iter().enumerate() {
        let start = record.start.expect("sent");
        let in_flight = run
            .records
            .iter()
            .filter(|other| other.start.expect("sent") <= start && start < other.end)
            .count();
        assert!(in_flight <= 2, "{in_flight} in flight");
        // Two at a time, 100 ms each: pair p is permitted 100 ms · p after the first was.
        let expected = run.records[0].due + i64::try_from(i / 2).expect("few") * 100 * MS;
        assert!((permitted[i] - expected).abs() <= 60 * MS, "{i}: {record:?}");
    }
    let last = run.records.last().expect("records");
    assert!(last.permitted.expect("sent") - last.due > SECOND, "the wait is in the record");
}

#[test]
fn a_cap_holds_over_all_workers() {
    assert_eq!((0..3).map(|k| share(8, k, 3)).collect::<Vec<_>>(), [3, 3, 2]);
    let run = run(&even(1_000.0, 0.1), settings(3, 8), StopAt::Never, |_| Answer::After(100 * MS));
    for record in &run.records {
        let start = record.start.expect("sent");
        let in_flight = run
            .records
            .iter()
            .filter(|other| other.start.expect("sent") <= start && start < other.end)
            .count();
        assert!(in_flight <= 8, "{in_flight} in flight");
    }
}

#[test]
fn a_stop_drops_what_is_not_sent_and_lets_the_rest_end() {
    let stop = StopAt::Gently(4 * SECOND);
    let run = run(&even(10.0, 10.0), settings(2, 100), stop, |_| Answer::After(SECOND));
    assert_one_each(&run.records, 100);
    let (sent, unsent): (Vec<_>, Vec<_>) = run.records.iter().partition(|record| record.start.is_some());
    assert!(sent.iter().all(|record| record.outcome == Outcome::Success && record.due <= 4 * SECOND));
    assert_eq!(sent.len(), 39);
    for record in unsent {
        assert_eq!(record.outcome, Outcome::NotDispatched);
        assert!(record.due > 4 * SECOND - MS);
        assert!((record.end - 4 * SECOND).abs() <= MS, "at once, not when it is due");
        assert_eq!(
            (record.drawn_prompt_tokens, record.max_tokens),
            (u32::try_from(record.index).expect("few"), 7)
        );
    }
    let facts = &run.facts;
    assert_eq!(facts.status, StageStatus::Stopped);
    assert!((facts.window_end - 4 * SECOND).abs() <= MS);
    assert!((800 * MS..=SECOND).contains(&facts.teardown_ns), "{}", facts.teardown_ns);
}

#[test]
fn a_drain_is_bounded_by_the_grace_time() {
    let settings = Settings { grace_ns: 2 * SECOND, ..settings(2, 100) };
    let run = run(&even(10.0, 1.0), settings, StopAt::Gently(500 * MS), |_| Answer::Hangs);
    assert_one_each(&run.records, 10);
    for record in run.records.iter().filter(|record| record.start.is_some()) {
        assert_eq!(record.outcome, Outcome::Cancelled);
        assert!(record.head.is_some(), "what came before the cut is kept");
        assert!((record.end - 2_500 * MS).abs() <= 2 * MS, "{record:?}");
    }
    assert!((run.facts.teardown_ns - 2 * SECOND).abs() <= 2 * MS);
}

#[test]
fn a_stop_while_the_last_requests_run_still_drains() {
    let settings = Settings { grace_ns: 2 * SECOND, ..settings(1, 100) };
    let run = run(&even(10.0, 1.0), settings, StopAt::AtOnce(5 * SECOND), |_| Answer::Hangs);
    assert_eq!(run.facts.status, StageStatus::Stopped);
    for record in &run.records {
        assert_eq!(record.outcome, Outcome::Cancelled);
        assert!((record.end - 5 * SECOND).abs() <= 2 * MS, "cut off at once, without grace");
    }
}

#[test]
fn a_request_has_its_timeout_from_its_own_start() {
    let settings = Settings { patience: patience(300 * MS), ..settings(1, 1) };
    let run = run(&even(10.0, 0.3), settings, StopAt::Never, |index| {
        if index == 0 { Answer::Hangs } else { Answer::After(SECOND) }
    });
    let messages: Vec<_> = run
        .records
        .iter()
        .map(|record| {
            let start = record.start.expect("sent");
            assert!((record.end - start - 300 * MS).abs() <= MS, "{record:?}");
            let Outcome::Failure(failure) = &record.outcome else { panic!("{record:?}") };
            (failure.error_type.as_str(), failure.message.as_str())
        })
        .collect();
    let [before_head, within_body] = [("TimeoutError", "Request timed out"), ("TimeoutError", "")];
    assert_eq!(messages, [within_body, before_head, before_head]);
}

#[test]
fn a_fault_of_the_client_itself_is_recorded_as_one() {
    let run = run(&even(10.0, 0.5), settings(1, 1), StopAt::Never, |index| {
        if index == 2 { Answer::Panics } else { Answer::After(MS) }
    });
    assert_one_each(&run.records, 5);
    for record in &run.records {
        let broken =
            matches!(&record.outcome, Outcome::Failure(failure) if failure.error_type == "InternalError");
        assert_eq!(broken, record.index == 2, "{record:?}");
    }
}

#[test]
fn a_stage_without_requests_ends_at_once() {
    let run = run(&even(0.5, 1.0), settings(2, 10), StopAt::Never, |_| Answer::After(0));
    assert!(run.records.is_empty());
    assert_eq!(run.facts.status, StageStatus::Completed);
    assert!(run.facts.window_end - run.facts.window_start < SECOND);
}

#[test]
fn the_workload_does_not_depend_on_the_number_of_workers() {
    let stage = StagePlan::new(3, 50.0, 2.0, Pacing::ScaledExponential);
    let workload = |workers| {
        let run = run(&stage, settings(workers, 1_000), StopAt::Never, |_| Answer::After(MS));
        let start = run.facts.window_start;
        let due: Vec<_> = run.records.iter().map(|record| record.due - start).collect();
        assert_eq!(due.last(), Some(&(2 * SECOND)), "the last arrival ends the window");
        (due, run.seen)
    };
    let one = workload(1);
    assert_eq!(one.1.get(&7), Some(&Bytes::from("3/7")));
    assert_eq!(one, workload(2));
    assert_eq!(one, workload(5));
}

#[test]
fn a_slow_answer_at_one_worker_holds_up_none_at_another() {
    // Worker 0 has the even arrivals, and they hang on to nearly all permits.
    let run = run(&even(100.0, 1.0), settings(2, 52), StopAt::Never, |index| {
        Answer::After(if index % 2 == 0 { 10 * SECOND } else { MS })
    });
    for record in run.records.iter().filter(|record| record.index % 2 == 1) {
        assert!(record.start.expect("sent") - record.due <= MS, "{record:?}");
    }
}

#[test]
fn a_closed_loop_keeps_its_concurrency() {
    let stage =
        StagePlan { concurrency: Some(4), ..StagePlan::new(0, 200.0, 1.0, Pacing::ScaledExponential) };
    let run = run(&stage, settings(3, 1_000), StopAt::Never, |_| Answer::After(100 * MS));
    assert_one_each(&run.records, 200);
    assert_eq!((run.facts.concurrency, run.facts.client.in_flight_cap), (Some(4), 4));
    // 200 requests of 100 ms, four at a time.
    let length = run.facts.window_end - run.facts.window_start;
    assert!((5_000 * MS..5_200 * MS).contains(&length), "{length}");
    for record in &run.records {
        let start = record.start.expect("sent");
        let others = run.records.iter();
        let in_flight =
            others.filter(|other| other.start.expect("sent") <= start && start < other.end).count();
        assert!(in_flight <= 4, "{in_flight} in flight");
    }
}

#[test]
fn a_stages_own_time_limit_cuts_everything_off() {
    let stage = StagePlan { timeout_ns: Some(2 * SECOND), ..even(10.0, 4.0) };
    let run = run(&stage, settings(2, 100), StopAt::Never, |index| {
        if index < 5 { Answer::After(MS) } else { Answer::Hangs }
    });
    assert_one_each(&run.records, 40);
    assert_eq!(run.facts.status, StageStatus::TimedOut);
    assert!(run.facts.teardown_ns <= MS, "at once: {}", run.facts.teardown_ns);
    let limit = run.facts.window_start + 2 * SECOND;
    for record in &run.records {
        let expected = match record.index {
            0..5 => Outcome::Success,
            _ if record.due < limit => Outcome::Cancelled,
            _ if record.due > limit => Outcome::NotDispatched,
            _ => continue,
        };
        assert_eq!(record.outcome, expected, "{record:?}");
        assert!(record.end <= limit + MS, "{record:?}");
    }
}

#[test]
fn a_request_whose_connection_failed_is_sent_again() {
    let patience = Patience { retries: 2, backoff_ns: 100 * MS, ..patience(SECOND) };
    let settings = Settings { patience, ..settings(2, 100) };
    let script = |index| match index {
        0..4 => Answer::Disconnects { times: u32::try_from(index).expect("few") },
        _ => Answer::FailsAfter(MS),
    };
    let run = run(&even(10.0, 0.5), settings, StopAt::Never, script);
    assert_one_each(&run.records, 5);
    let counts: Vec<_> =
        run.records.iter().map(|record| record.retries.map(|retries| retries.count)).collect();
    // An answer that is an error is an answer.
    assert_eq!(counts, [None, Some(1), Some(2), Some(2), None]);
    let succeeded: Vec<_> = run.records.iter().map(|record| record.outcome == Outcome::Success).collect();
    assert_eq!(succeeded, [true, true, true, false, false]);
    for record in &run.records[1..4] {
        let (start, retries) = (record.start.expect("sent"), record.retries.expect("retried"));
        assert!(start - record.due <= MS, "the start is that of the first attempt");
        assert!((record.end - retries.last_start - 10 * MS).abs() <= MS, "{record:?}");
        // 10 ms an attempt; pauses of 100 and 200 ms, each times 0.5 to 1.5.
        let waited = retries.last_start - start - 10 * MS * i64::from(retries.count);
        let (least, most) = if retries.count == 1 { (50, 150) } else { (150, 450) };
        assert!((least * MS - MS..=most * MS + 3 * MS).contains(&waited), "{waited}");
    }
}

fn answers() -> impl Strategy<Value = Answer> {
    prop_oneof![
        4 => (0..2_000i64).prop_map(|ms| Answer::After(ms * MS)),
        2 => (0..2_000i64).prop_map(|ms| Answer::FailsAfter(ms * MS)),
        1 => Just(Answer::Hangs),
        1 => (0..4u32).prop_map(|times| Answer::Disconnects { times }),
    ]
}

fn stops() -> impl Strategy<Value = StopAt> {
    prop_oneof![
        Just(StopAt::Never),
        (0..4_000i64).prop_map(|ms| StopAt::Gently(ms * MS)),
        (0..4_000i64).prop_map(|ms| StopAt::AtOnce(ms * MS)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_arrival_has_exactly_one_record(
        answers in proptest::collection::vec(answers(), 1..30),
        stop_at in stops(),
        (workers, cap) in (1usize..4, 0u64..20),
        (rate, timeout_ms, grace_ms) in (1.0..40.0f64, 1..3_000i64, 0..3_000i64),
        retries in 0..3u32,
        (concurrency, limit_ms) in (proptest::option::of(1..10u64), proptest::option::of(0..3_000i64)),
        even: bool,
    ) {
        let pacing = if even { Pacing::Even } else { Pacing::ScaledExponential };
        let timeout_ns = limit_ms.map(|ms| ms * MS);
        let stage = StagePlan { concurrency, timeout_ns, ..StagePlan::new(0, rate, 2.0, pacing) };
        let settings = Settings {
            patience: Patience { retries, backoff_ns: 50 * MS, ..patience(timeout_ms * MS) },
            grace_ns: grace_ms * MS,
            ..settings(workers, workers as u64 + cap)
        };
        let run = run(&stage, settings, stop_at, move |index| answers[usize::try_from(index).expect("few") % answers.len()]);
        assert_one_each(&run.records, stage.requests);
        let facts = &run.facts;
        for record in &run.records {
            let sent = record.outcome != Outcome::NotDispatched;
            prop_assert_eq!(record.start.is_some(), sent);
            prop_assert_eq!(run.seen.contains_key(&record.index), sent);
            if sent {
                let (permitted, start) = (record.permitted.expect("sent"), record.start.expect("sent"));
                prop_assert!(record.due <= permitted && permitted <= start && start <= record.end);
                let last = record.retries.map_or(start, |retries| retries.last_start);
                // Between attempts it may pause, for 300 ms at most.
                prop_assert!(record.end - last <= (timeout_ms.max(300) + 20) * MS);
            }
            if record.outcome == Outcome::Cancelled || !sent {
                prop_assert_ne!(facts.status, StageStatus::Completed);
            }
            prop_assert!(record.end <= facts.window_end + facts.teardown_ns);
        }
        prop_assert!(facts.teardown_ns <= (grace_ms + 2) * MS);
    }
}

/// On real threads: the same records, in the same order in the spool.
fn run_on_threads(workload: Arc<dyn Workload>, stage: &StagePlan) -> (StageFacts, Vec<Record>) {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let facts = runtime.block_on(async {
        let spool = SpoolWriter::create(folder.path()).expect("a spool");
        let memory = Memory::new(|_| Answer::After(MS));
        let (clock, threads) = (MonotonicSource::start(), Hosting::Threads);
        let engine = Engine::start(clock, settings(2, 100), memory, workload, options(), spool, threads);
        let mut engine = engine.await.expect("started");
        let stop = Stop::new();
        let facts = engine.run_stage(stage, &stop).await.expect("a stage");
        engine.pause(MS, &stop).await;
        engine.finish(false).await.expect("finished");
        facts
    });
    let records = read(folder.path(), &facts);
    (facts, records)
}

#[test]
fn threads_do_the_same() {
    let stage = even(200.0, 0.25);
    let (facts, records) = run_on_threads(Arc::new(Numbers), &stage);
    assert_one_each(&records, 50);
    assert!(records.iter().all(|record| record.outcome == Outcome::Success));
    assert!(records.iter().all(|record| record.start.expect("sent") >= record.due), "never early");
    let client = facts.client;
    assert!(client.busiest_runtime > 0.0 && client.busiest_runtime <= 1.0);
    assert_eq!(client.in_flight_cap, 100);
}

struct Slow;

impl Workload for Slow {
    fn drawn(&self, stage: u32, index: u64) -> Drawn {
        Numbers.drawn(stage, index)
    }

    fn prepare(&self, stage: u32, index: u64) -> Prepared {
        std::thread::sleep(std::time::Duration::from_millis(20));
        Numbers.prepare(stage, index)
    }
}

#[test]
fn bodies_that_come_late_are_counted_and_delay_only_their_requests() {
    // Each worker has an arrival every millisecond, and a body every 20 ms.
    let (facts, records) = run_on_threads(Arc::new(Slow), &even(2_000.0, 0.02));
    assert_one_each(&records, 40);
    assert!(facts.client.late_bodies > 0);
    assert!(records.iter().all(|record| record.outcome == Outcome::Success));
}
