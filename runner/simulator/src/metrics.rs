//! The simulator's counters and distributions as Prometheus text, under vLLM's names.

use std::fmt::Write;

use crate::engine::Occupancy;
use crate::histograms::{Histogram, Histograms};
use crate::stats::Totals;

/// What the page shows.
pub(crate) struct Page<'a> {
    pub(crate) model_name: &'a str,
    pub(crate) occupancy: Occupancy,
    /// Places that requests can hold; those held stand for the used share of a KV cache.
    pub(crate) slots: u32,
    pub(crate) totals: &'a Totals,
    /// `None` if no traces are kept.
    pub(crate) histograms: Option<&'a Histograms>,
}

/// Text in exposition format 0.0.4.
pub(crate) fn exposition(page: &Page<'_>) -> String {
    let model = page.model_name.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n");
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, labels: &str, value: f64| {
        let family = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        let labels = format!("model_name=\"{model}\"{labels}");
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "# HELP vllm:{family} {help}\n# TYPE vllm:{family} {kind}\nvllm:{family}{{{labels}}} {value}\n"
        );
    };
    let (occupancy, totals) = (page.occupancy, page.totals);
    let prompt_tokens = totals.prompt_tokens as f64;
    let usage = f64::from(occupancy.running) / f64::from(page.slots.max(1));
    let length = ",finished_reason=\"length\"";
    metric("num_requests_running", "gauge", "Requests that hold a slot.", "", occupancy.running.into());
    metric("num_requests_waiting", "gauge", "Requests in the queue.", "", occupancy.waiting as f64);
    metric("kv_cache_usage_perc", "gauge", "Share of the slots that are held.", "", usage);
    metric("prompt_tokens", "counter", "Tokens of prefilled prompts.", "", prompt_tokens);
    metric("generation_tokens", "counter", "Tokens of answers.", "", totals.generation_tokens as f64);
    metric(
        "request_success",
        "counter",
        "Requests that had all their tokens.",
        length,
        totals.completed as f64,
    );
    metric("num_preemptions", "counter", "Requests that lost their slot: none ever does.", "", 0.0);
    metric("prefix_cache_queries", "counter", "Tokens looked up in a prefix cache.", "", prompt_tokens);
    metric("prefix_cache_hits", "counter", "Tokens found there: there is no such cache.", "", 0.0);
    for histogram in page.histograms.into_iter().flat_map(Histograms::all) {
        write_histogram(&mut text, histogram, &model);
    }
    text
}

fn write_histogram(text: &mut String, histogram: &Histogram, model: &str) {
    let name = histogram.name;
    // Writing into a string cannot fail.
    let _ = write!(text, "# HELP vllm:{name} Of completed requests.\n# TYPE vllm:{name} histogram\n");
    for (end, count) in histogram.buckets() {
        let end = end.map_or_else(|| "+Inf".to_owned(), |end| format!("{end:?}"));
        let _ = writeln!(text, "vllm:{name}_bucket{{le=\"{end}\",model_name=\"{model}\"}} {count}");
    }
    let (count, sum) = (histogram.count(), histogram.sum);
    let _ = writeln!(text, "vllm:{name}_count{{model_name=\"{model}\"}} {count}");
    let _ = writeln!(text, "vllm:{name}_sum{{model_name=\"{model}\"}} {sum}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_are_vllms() {
        let totals = Totals { completed: 3, prompt_tokens: 40, generation_tokens: 9, ..Totals::default() };
        let histograms = Histograms::default();
        let page = Page {
            model_name: "a\"b",
            occupancy: Occupancy { running: 2, waiting: 5 },
            slots: 8,
            totals: &totals,
            histograms: Some(&histograms),
        };
        let text = exposition(&page);
        for line in [
            "# TYPE vllm:num_requests_running gauge",
            r#"vllm:num_requests_running{model_name="a\"b"} 2"#,
            r#"vllm:num_requests_waiting{model_name="a\"b"} 5"#,
            r#"vllm:kv_cache_usage_perc{model_name="a\"b"} 0.25"#,
            r#"vllm:prompt_tokens_total{model_name="a\"b"} 40"#,
            r#"vllm:generation_tokens_total{model_name="a\"b"} 9"#,
            "# TYPE vllm:request_success_total counter",
            r#"vllm:request_success_total{model_name="a\"b",finished_reason="length"} 3"#,
            "# TYPE vllm:e2e_request_latency_seconds histogram",
            r#"vllm:e2e_request_latency_seconds_bucket{le="1.0",model_name="a\"b"} 0"#,
            r#"vllm:e2e_request_latency_seconds_bucket{le="+Inf",model_name="a\"b"} 0"#,
            r#"vllm:e2e_request_latency_seconds_sum{model_name="a\"b"} 0"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
        assert!(!exposition(&Page { histograms: None, ..page }).contains("_bucket"));
    }
}
