//! Whatever a server does wrong has its label, and what is no failure is none.

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::rig::{Rig, json as json_file, text};
use crate::shared_machine;

/// Every fault of the simulator and the label that it gets in a stream and in a whole answer; empty: it succeeds.
pub(crate) const FAULTS: [(&str, &str, &str); 18] = [
    ("rate_limit", "429 - Rate Limit", "429 - Rate Limit"),
    ("internal", "500 - Internal Server Error", "500 - Internal Server Error"),
    ("bad_gateway", "502 - Bad Gateway", "502 - Bad Gateway"),
    ("unavailable", "503 - Service Unavailable", "503 - Service Unavailable"),
    ("gateway_timeout", "504 - Gateway Timeout", "504 - Gateway Timeout"),
    ("context_window", "400 - Context Window", "400 - Context Window"),
    ("invalid_json", "400 - Invalid JSON", "400 - Invalid JSON"),
    ("timeout", "408 - Timeout", "408 - Timeout"),
    ("model_not_found", "404 - Model Not Found", "404 - Model Not Found"),
    ("echo", "401 - other", "401 - other"),
    ("error_body", "500 - Internal Server Error", "500 - Internal Server Error"),
    ("no_choices", "", ""),
    ("not_json", "contenttypeerror", "contenttypeerror"),
    ("broken_json", "jsondecodeerror", "jsondecodeerror"),
    ("error_event", "500 - Internal Server Error", ""),
    ("cut", "clientpayloaderror", ""),
    ("stall", "Timeout", ""),
    ("hang", "Timeout", "Timeout"),
];

/// Arguments of a simulator that has all faults in turn.
pub(crate) fn arguments() -> Vec<&'static str> {
    let faults = FAULTS.iter().flat_map(|(fault, ..)| ["--fault", fault]);
    ["--error-rate", "1", "--decode-ms", "1"].into_iter().chain(faults).collect()
}

/// A connection that was used before is not believed to be broken by the request that finds it so; where every one is
/// closed, every request fails.
#[test]
fn servers_that_hang_up() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--error-rate", "1", "--fault", "disconnect"])?;
    let config = format!(
        "{}api: {{type: chat, streaming: true}}\nload:\n  request_retries: 1\n  request_retry_backoff_sec: 0.01\n  stages: [{{rate: 10, duration: 1}}]\nstorage: {{local_storage: {{path: reports}}}}\n",
        rig.target()
    );
    let output = rig.command(&config)?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let summary = json_file(&rig.path("reports/summary_lifecycle_metrics.json"))?;
    let labels = &summary["failures"]["by_label"];
    assert_eq!(labels["Connection Error"]["count"], 10, "{labels}");
    assert_eq!(labels["Connection Error"]["messages"], json!([{"message": "Server disconnected"}]));
    assert_eq!(summary["retries"]["attempts"], 10);
    let shown = text(&output);
    for (level, most) in [(" - WARNING - Connections failed", 1), (" - ERROR - Request", 1)] {
        assert_eq!(shown.lines().filter(|line| line.contains(level)).count(), most, "{shown}");
    }
    Ok(())
}

/// A server that refuses everything must neither be passed over in silence nor bury the rest of the log.
#[test]
fn the_log_tells_of_failures_once() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--error-rate", "1", "--fault", "echo"])?;
    let target = rig.target_with("  api_key: s3cret-api-key\n");
    let config = format!(
        "{target}data: {{type: mock}}\nload: {{stages: [{{rate: 100, duration: 1}}]}}\nstorage: {{local_storage: {{path: reports}}}}\n"
    );
    let output = rig.command(&config)?.output()?;
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    let errors: Vec<&str> = shown.lines().filter(|line| line.contains(" - ERROR - ")).collect();
    assert!((1..5).contains(&errors.len()), "{errors:#?}");
    let first = "ERROR - Request failed: 401 - other: HTTP Error 401: No access with ";
    assert!(errors[0].contains(first) && errors[0].contains("********"), "{errors:#?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    let summary = json_file(&rig.path("reports/summary_lifecycle_metrics.json"))?;
    assert_eq!(summary["failures"]["count"], 100);
    Ok(())
}

#[test]
fn every_fault_has_its_label() -> Result<()> {
    let _machine = shared_machine();
    for api in ["completion", "chat", "anthropic_messages"] {
        for streamed in [true, false] {
            let rig = Rig::start(&arguments())?;
            let config = format!(
                "{}api: {{type: {api}, streaming: {streamed}}}\ndata: {{type: mock}}\nload:\n  request_timeout: 1\n  stages: [{{rate: {}, duration: 1}}]\nreport: {{request_lifecycle: {{per_request: true}}}}\nstorage:\n  local_storage:\n    path: reports\n",
                rig.target(),
                FAULTS.len()
            );
            let output = rig.command(&config)?.output()?;
            assert_eq!(output.status.code(), Some(0), "{}", text(&output));
            let summary = json_file(&rig.path("reports/summary_lifecycle_metrics.json"))?;
            let mut expected = std::collections::BTreeMap::<&str, u64>::new();
            for (_, stream, whole) in FAULTS {
                let label = if streamed { stream } else { whole };
                *expected.entry(label).or_default() += 1;
            }
            let successes = expected.remove("").unwrap_or_default();
            assert_eq!(summary["successes"]["count"], successes, "{api} {streamed}: {summary:#}");
            let labels = summary["failures"]["by_label"].as_object().context("labels")?;
            let found =
                labels.iter().map(|(label, group)| (label.as_str(), group["count"].as_u64().unwrap_or(0)));
            assert_eq!(found.collect::<std::collections::BTreeMap<_, _>>(), expected, "{api} {streamed}");
            let entries = json_file(&rig.path("reports/per_request_lifecycle_metrics.json"))?;
            let empty = entries.as_array().context("a list")?.iter().find(|entry| {
                entry["response"].as_str().is_some_and(|response| response.contains("\"none\""))
            });
            let empty = empty.context("the answer without choices")?;
            assert_eq!((&empty["error"], &empty["info"]["response_metrics"]), (&json!(null), &json!(null)));
        }
    }
    Ok(())
}
