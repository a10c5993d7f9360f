//! What the log says of failures and retries: of each kind the first at once, then how many there are so far, and not
//! too often. A server that is down fails every request, and a line for each would bury everything else.
//!
//! Time is that of the records, so it says the same of the same records whatever the machine is doing.

use std::sync::{Mutex, PoisonError};

use benchmark_schemas::record::{Nanos, Outcome, Record};

use crate::client::Secrets;
use crate::labels::{label, shown_message};

/// Shortest time between two lines of one kind.
const PAUSE_NS: Nanos = 10_000_000_000;
/// Longest message that is shown, characters.
const LONGEST_MESSAGE: usize = 300;

/// Failures and retries so far.
#[derive(Debug, Default)]
pub struct FailureLog(Mutex<Kinds>);

#[derive(Debug, Default)]
struct Kinds {
    /// By label. There are few, so they are looked for one by one.
    failures: Vec<(String, Kind)>,
    retries: Kind,
}

/// Events of one kind.
#[derive(Debug, Default)]
struct Kind {
    count: u64,
    told: Option<Nanos>,
}

impl Kind {
    /// Counts `events` at `at`; true if it is time to tell of them. Recorders may be ahead of one another, so `at` may
    /// lie before what was told last.
    fn count(&mut self, events: u64, at: Nanos) -> bool {
        self.count += events;
        let due = self.told.is_none_or(|told| at - told >= PAUSE_NS);
        if due {
            self.told = Some(at);
        }
        due
    }
}

impl FailureLog {
    /// Counts `record`, and writes to the log what there is to say.
    pub(super) fn note(&self, record: &Record, secrets: &Secrets) {
        if let Some(line) = self.retry(record) {
            tracing::warn!("{line}");
        }
        if let Some(line) = self.failure(record, secrets) {
            tracing::error!("{line}");
        }
    }

    fn retry(&self, record: &Record) -> Option<String> {
        let retries = record.retries?;
        let mut kinds = self.kinds();
        let kind = &mut kinds.retries;
        let due = kind.count(u64::from(retries.count), record.end);
        due.then(|| {
            let times = if kind.count == 1 { "once" } else { &format!("{} times", kind.count) };
            format!("Connections failed before any answer: requests were sent again {times} so far")
        })
    }

    fn failure(&self, record: &Record, secrets: &Secrets) -> Option<String> {
        let Outcome::Failure(failure) = &record.outcome else { return None };
        let message = shown_message(failure);
        let label = label(failure, &message);
        let mut kinds = self.kinds();
        let index = kinds.failures.iter().position(|(known, _)| *known == label).unwrap_or_else(|| {
            kinds.failures.push((label, Kind::default()));
            kinds.failures.len() - 1
        });
        let (label, kind) = &mut kinds.failures[index];
        if !kind.count(1, record.end) {
            return None;
        }
        if kind.count > 1 {
            return Some(format!("Requests failed: {label}: {} so far", kind.count));
        }
        let message = on_one_line(&secrets.masked(message));
        let more = if message.is_empty() { String::new() } else { format!(": {message}") };
        Some(format!("Request failed: {label}: {}{more}", failure.error_type))
    }

    fn kinds(&self) -> std::sync::MutexGuard<'_, Kinds> {
        // Whole after every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `message` in one line that is not too long. It is what a server says: it must not pass for lines of this log, or
/// move a terminal's cursor.
fn on_one_line(message: &str) -> String {
    let plain = message.replace(char::is_control, " ");
    let mut line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(LONGEST_MESSAGE) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use benchmark_schemas::record::Retries;
    use benchmark_schemas::secret::Secret;

    use super::*;
    use crate::metrics::source::tests::{S, failure, record};

    fn failed_at(second: i64, message: &str) -> Record {
        Record { end: second * S, ..failure(0, 0, "HTTP Error 503", message) }
    }

    #[test]
    fn of_each_label_the_first_is_told_and_then_the_count_every_ten_seconds() {
        let log = FailureLog::default();
        let secrets = Secrets::default();
        let lines = |second| log.failure(&failed_at(second, "busy"), &secrets);
        insta::assert_snapshot!(lines(1).expect("the first"), @"Request failed: 503 - Service Unavailable: HTTP Error 503: busy");
        for second in [1, 2, 0, 10] {
            assert_eq!(lines(second), None);
        }
        insta::assert_snapshot!(lines(11).expect("ten seconds later"), @"Requests failed: 503 - Service Unavailable: 6 so far");
        assert_eq!(lines(20), None);
        let other = Record { end: 12 * S, ..failure(0, 0, "TimeoutError", "") };
        insta::assert_snapshot!(log.failure(&other, &secrets).expect("a label of its own"), @"Request failed: Timeout: TimeoutError");
        assert_eq!(log.failure(&record(0, 0), &secrets), None);
    }

    #[test]
    fn messages_are_masked_before_they_are_cut() {
        let secrets = Secrets::of(&[Secret::new("s3cret-key")]);
        let start = "x".repeat(LONGEST_MESSAGE - 4);
        for message in
            [format!("{start}s3cret-key"), format!("a\n2026-01-01 - ERROR - \u{1b}[2Js3cret-key\r\n")]
        {
            let line = FailureLog::default().failure(&failed_at(0, &message), &secrets).expect("the first");
            assert!(!line.contains("s3cr") && !line.contains(char::is_control), "{line:?}");
            assert!(line.chars().count() < LONGEST_MESSAGE + 60, "{line}");
        }
    }

    #[test]
    fn retries_are_counted_whether_they_helped_or_not() {
        let log = FailureLog::default();
        let retried = |second, count| {
            let retries = Some(Retries { count, last_start: 0 });
            log.retry(&Record { retries, end: second * S, ..record(0, 0) })
        };
        assert_eq!(log.retry(&record(0, 0)), None);
        insta::assert_snapshot!(retried(0, 1).expect("the first"), @"Connections failed before any answer: requests were sent again once so far");
        assert_eq!(retried(5, 2), None);
        insta::assert_snapshot!(retried(10, 1).expect("ten seconds later"), @"Connections failed before any answer: requests were sent again 4 times so far");
    }
}
