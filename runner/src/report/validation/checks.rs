//! Reports on requests, of the run or of a stage: sums and shares within one file.

use serde_json::Value;

use super::{Finding, Severity, at_most, distributions, number, same};
use crate::metrics::Aggregate;

/// Checks the report `tree` in `file` on `requests`; `family` begins the names of the checks.
pub(super) fn check(family: &str, file: &str, tree: &Value, requests: &Aggregate) -> Vec<Finding> {
    let missing: Vec<&str> =
        ["load_summary", "successes", "failures"].into_iter().filter(|key| tree.get(key).is_none()).collect();
    let mut report = Report { family, file, tree, findings: Vec::new() };
    if !missing.is_empty() {
        report.error("structure", format!("without {}", missing.join(", ")));
        return report.findings;
    }
    report.counts();
    report.time();
    let found = distributions::check(&format!("{family}.distributions"), file, tree);
    report.findings.extend(found);
    report.tokens(requests);
    report.throughput();
    report.goodput();
    report.mismatches();
    report.findings
}

/// The same for a stage's report, which also says what was asked of the stage.
pub(super) fn check_stage(file: &str, tree: &Value, requests: &Aggregate) -> Vec<Finding> {
    const FAMILY: &str = "per_stage";
    let mut findings = check(FAMILY, file, tree, requests);
    for key in ["requested_rate", "achieved_rate", "send_duration", "concurrency"] {
        if let Some(value) = number(tree, &format!("/load_summary/{key}")).filter(|value| *value < 0.0) {
            let message = format!("load_summary.{key} is negative: {value}");
            findings.push(Finding::new(Severity::Error, format!("{FAMILY}.load"), Some(file), message));
        }
    }
    findings
}

struct Report<'a> {
    family: &'a str,
    file: &'a str,
    tree: &'a Value,
    findings: Vec<Finding>,
}

impl Report<'_> {
    fn at(&self, pointer: &str) -> Option<f64> {
        number(self.tree, pointer)
    }

    fn find(&mut self, severity: Severity, check: &str, message: String) {
        let check = format!("{}.{check}", self.family);
        self.findings.push(Finding::new(severity, check, Some(self.file), message));
    }

    fn error(&mut self, check: &str, message: String) {
        self.find(Severity::Error, check, message);
    }

    fn counts(&mut self) {
        let counts = ["/load_summary/count", "/successes/count", "/failures/count"].map(|at| self.at(at));
        let [Some(all), Some(good), Some(bad)] = counts else {
            return self.error("counts", "a count of requests is missing".to_owned());
        };
        if !same(good + bad, all) {
            self.error("counts", format!("{good} successes and {bad} failures are not {all} requests"));
        }
    }

    fn time(&mut self) {
        let Some(seconds) = self.at("/benchmark_time_seconds") else { return };
        let requests = self.at("/load_summary/count").unwrap_or(0.0);
        if seconds < 0.0 {
            self.error("time", format!("benchmark_time_seconds is negative: {seconds}"));
        } else if seconds == 0.0 && requests > 0.0 {
            self.find(Severity::Warning, "time", format!("{requests} requests took no time"));
        }
    }

    fn tokens(&mut self, requests: &Aggregate) {
        let prompt =
            ["total", "cached", "uncached"].map(|key| self.at(&format!("/successes/prompt_tokens/{key}")));
        if let [Some(total), Some(cached), uncached] = prompt {
            if !at_most(cached, total) {
                self.error("tokens", format!("{cached} cached prompt tokens are more than all {total}"));
            }
            if let Some(uncached) = uncached.filter(|uncached| !same(*uncached, (total - cached).max(0.0))) {
                self.error(
                    "tokens",
                    format!("{uncached} uncached prompt tokens are not {total} less {cached}"),
                );
            }
        }
        // A mean is one of the successes whose tokens anybody counted, a number that the report does not have.
        let successes = &requests.successes;
        for (what, counted) in [
            ("prompt_tokens", successes.prompt_tokens.count()),
            ("output_tokens", successes.output_tokens.count()),
        ] {
            let at = |key: &str| self.at(&format!("/successes/{what}/{key}"));
            if let (Some(total), Some(mean)) = (at("total"), at("mean"))
                && !same(total, mean * counted as f64)
            {
                self.error(
                    "tokens",
                    format!("{what}: {counted} requests of {mean} on average are not {total}"),
                );
            }
        }
    }

    fn throughput(&mut self) {
        let Some(rates) = self.tree.pointer("/successes/throughput").and_then(Value::as_object) else {
            return;
        };
        for (key, rate) in rates.iter().filter_map(|(key, rate)| Some((key, rate.as_f64()?))) {
            if rate < 0.0 {
                self.error("throughput", format!("{key} is negative: {rate}"));
            }
        }
        let rate = |key: &str| rates.get(key).and_then(Value::as_f64);
        let time = self.at("/benchmark_time_seconds").filter(|time| *time > 0.0);
        if let (Some(rate), Some(time), Some(count)) =
            (rate("requests_per_sec"), time, self.at("/successes/count"))
            && !same(rate * time, count)
        {
            self.error("throughput", format!("{rate} requests/s over {time} s are not {count} successes"));
        }
        let sides = ["input", "output", "total"].map(|side| rate(&format!("{side}_tokens_per_sec")));
        if let [Some(input), Some(output), Some(total)] = sides
            && !same(input + output, total)
        {
            self.error("throughput", format!("{input} and {output} tokens/s are not {total}"));
        }
    }

    fn goodput(&mut self) {
        let goodput = self.tree.pointer("/successes/goodput_metrics").and_then(Value::as_object);
        let Some(goodput) = goodput else { return };
        let at = |key: &str| goodput.get(key).and_then(Value::as_f64);
        if let (Some(good), Some(total)) = (at("good_requests"), at("total_requests")) {
            if good > total {
                self.error("goodput", format!("{good} good requests are more than all {total}"));
            }
            if let Some(count) = self.at("/successes/count").filter(|count| !same(*count, total)) {
                self.error("goodput", format!("{total} requests are not the {count} successes"));
            }
        }
        for (key, value) in goodput.iter().filter(|(key, _)| key.ends_with("percentage")) {
            if let Some(value) = value.as_f64().filter(|value| !(0.0..=100.0 + 1e-9).contains(value)) {
                self.error("goodput", format!("{key} is no percentage: {value}"));
            }
        }
    }

    fn mismatches(&mut self) {
        let count = self.at("/successes/token_count_mismatches").filter(|count| *count > 0.0);
        if let Some(count) = count {
            let message = format!(
                "{count} requests whose chunks have another number of tokens by the client's tokenizer than the server \
                 reports"
            );
            self.find(Severity::Warning, "token_mismatches", message);
        }
    }
}
