//! The simulator's counters as Prometheus text, under vLLM's names.

use std::fmt::Write;

use crate::engine::Occupancy;
use crate::stats::Totals;

/// Text in exposition format 0.0.4.
pub(crate) fn exposition(model_name: &str, occupancy: Occupancy, totals: &Totals) -> String {
    let model = model_name.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n");
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, labels: &str, value: u64| {
        let family = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        let labels = format!("model_name=\"{model}\"{labels}");
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "# HELP vllm:{family} {help}\n# TYPE vllm:{family} {kind}\nvllm:{family}{{{labels}}} {value}\n"
        );
    };
    metric("num_requests_running", "gauge", "Requests that hold a slot.", "", occupancy.running.into());
    metric("num_requests_waiting", "gauge", "Requests in the queue.", "", occupancy.waiting as u64);
    metric("prompt_tokens", "counter", "Tokens of prefilled prompts.", "", totals.prompt_tokens);
    metric("generation_tokens", "counter", "Tokens of answers.", "", totals.generation_tokens);
    let length = ",finished_reason=\"length\"";
    metric("request_success", "counter", "Requests that had all their tokens.", length, totals.completed);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_are_vllms() {
        let totals = Totals { completed: 3, prompt_tokens: 40, generation_tokens: 9, ..Totals::default() };
        let text = exposition("a\"b", Occupancy { running: 2, waiting: 5 }, &totals);
        for line in [
            "# TYPE vllm:num_requests_running gauge",
            r#"vllm:num_requests_running{model_name="a\"b"} 2"#,
            r#"vllm:num_requests_waiting{model_name="a\"b"} 5"#,
            r#"vllm:prompt_tokens_total{model_name="a\"b"} 40"#,
            r#"vllm:generation_tokens_total{model_name="a\"b"} 9"#,
            "# TYPE vllm:request_success_total counter",
            r#"vllm:request_success_total{model_name="a\"b",finished_reason="length"} 3"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
