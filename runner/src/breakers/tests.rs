//! Breakers over records.

use benchmark_schemas::record::SpoolEntry;

use super::*;
use crate::metrics::source::tests::{S, failure, record};

fn breakers(breakers: &str, named: &str) -> Result<Option<Breakers>, ExpressionError> {
    let text = format!(
        "load: {{stages: [{{rate: 1, duration: 1}}], circuit_breakers: {named}}}\nserver: {{base_url: http://a}}\n\
         circuit_breakers:\n{breakers}"
    );
    Breakers::of(&Config::from_yaml(&text, "config.yml").unwrap_or_else(|problems| panic!("{problems}")))
}

const TWO_TIMEOUTS: &str = "
  - name: time-outs
    metrics: {matches: ['error'], rules: [\"error.error_type == 'TimeoutError'\"]}
    triggers: [{type: consecutive, threshold: 2}]
";

#[tokio::test]
async fn a_breaker_opens_once_and_stays_open() {
    let breakers = breakers(TWO_TIMEOUTS, "[time-outs]").expect("compiles").expect("is named");
    let shown = |record| breakers.observe(&record).into_iter().map(|opened| opened.name).collect::<Vec<_>>();
    let late = |index| failure(index, 0, "TimeoutError", "");
    assert_eq!(shown(late(0)), [""; 0]);
    // Successes do not count at all; other failures break the row.
    assert_eq!(shown(record(1, 0)), [""; 0]);
    assert_eq!(shown(failure(2, 0, "HTTP Error 500", "")), [""; 0]);
    assert_eq!(shown(late(3)), [""; 0]);
    assert_eq!(breakers.open(), None);
    let never_sent = Record { outcome: Outcome::NotDispatched, ..late(4) };
    assert_eq!(shown(never_sent), [""; 0]);
    assert_eq!(shown(late(5)), ["time-outs"]);
    breakers.opened().await;
    assert_eq!(shown(late(6)), [""; 0]);
    assert_eq!(breakers.open(), Some("time-outs"));
}

#[test]
fn without_rules_all_that_counts_is_a_hit() {
    let text = "
  - name: any
    metrics: {matches: ['error.error_type == `\"TimeoutError\"`']}
    triggers: [{type: rate_over_window, window_sec: 60, threshold: 0.9, min_samples: 3}]
";
    let breakers = breakers(text, "[any]").expect("compiles").expect("is named");
    let at = |second: i64| {
        let index = u64::try_from(second).expect("positive");
        breakers.observe(&failure(index, second * S, "TimeoutError", "")).len()
            + breakers.observe(&record(index, second * S)).len()
    };
    assert_eq!((0..3).map(at).collect::<Vec<_>>(), [0, 0, 1]);
}

#[test]
fn only_named_ones_stop_and_the_later_of_one_name_counts() {
    assert!(breakers(TWO_TIMEOUTS, "[]").expect("compiles").is_none());
    let text = format!("{TWO_TIMEOUTS}{}", TWO_TIMEOUTS.replace("threshold: 2", "threshold: 1"));
    let breakers = breakers(&text, "[time-outs]").expect("compiles").expect("is named");
    assert_eq!(breakers.observe(&failure(0, 0, "TimeoutError", "")).len(), 1);
}

#[test]
fn wrong_expressions_are_told_also_of_breakers_that_are_not_named() {
    let fault = breakers(&TWO_TIMEOUTS.replace("['error']", "['a', 'b.[']"), "[]").expect_err("wrong");
    assert_eq!(fault.key, "circuit_breakers[0].metrics.matches[1]");
    assert!(fault.fault.starts_with("\"b.[\" is no JMESPath expression: "), "{fault}");
}

#[test]
fn what_opened_is_an_entry_of_the_spool() {
    let entry = SpoolEntry::BreakerOpened(Box::new(BreakerOpened { at: 1, name: "a".to_owned(), stage: 2 }));
    let bytes = postcard::to_stdvec(&entry).expect("encoded");
    assert_eq!(postcard::from_bytes::<SpoolEntry>(&bytes).expect("decoded"), entry);
}
