//! The report on every request: findings on single requests, counted while the records were read.

use super::super::per_request::NAME;
use super::{Finding, Severity};
use crate::metrics::RequestChecks;
use crate::metrics::checks::{Odd, TOKEN_TOLERANCE};

/// What `checks` found.
pub(super) fn check(checks: &RequestChecks) -> Vec<Finding> {
    let tolerance = format!("{:.0} %", TOKEN_TOLERANCE * 100.0);
    let kinds = [
        (Severity::Error, "timestamps", &checks.ended_before_start, "that ended before they started"),
        (Severity::Warning, "response_presence", &checks.without_answer, "successful without any answer"),
        (Severity::Error, "token_times", &checks.unordered_tokens, "with tokens out of the order of time"),
        (
            Severity::Error,
            "token_times",
            &checks.tokens_outside,
            "with tokens before the start or after the end",
        ),
        (
            Severity::Warning,
            "token_agreement",
            &checks.counts_differ,
            &format!("whose client's and server's counts of output tokens differ by more than {tolerance}"),
        ),
    ];
    let found = kinds.into_iter().filter(|(_, _, odd, _)| odd.count > 0);
    found
        .map(|(severity, check, odd, what)| {
            let message = format!("{} requests {what} (entries {})", odd.count, places(odd));
            Finding::new(severity, format!("per_request.{check}"), Some(NAME), message)
        })
        .collect()
}

fn places(odd: &Odd) -> String {
    let named: Vec<String> = odd.first.iter().map(ToString::to_string).collect();
    let more = if odd.count > odd.first.len() as u64 { ", …" } else { "" };
    format!("{}{more}", named.join(", "))
}
