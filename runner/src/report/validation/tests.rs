//! Sound reports have no findings; whatever is wrong with one is found, and found only there.

use benchmark_schemas::record::{AnswerCount, Record, SpoolEntry, TokenRules};

use super::super::tests::{run_counted_by, run_of, run_with, two_stages};
use super::*;
use crate::metrics::source::tests::{S, failure, record, stage as stage_facts, usage};
use crate::report::documents;

const SUMMARY: &str = lifecycle::SUMMARY_NAME;
const STAGE: &str = "stage_1_lifecycle_metrics.json";
const PARTIAL: &str = "inference-perf.partial.stage_1.yaml";

/// Stages with goodput, failures and cached tokens.
fn run() -> RunReport {
    let mut entries = two_stages();
    for (at, entry) in entries.iter_mut().enumerate() {
        let SpoolEntry::Request(request) = entry else { continue };
        request.usage = Some(usage(120, 4));
        if at % 4 == 3 {
            let failed = failure(request.index, request.due, "HTTP Error 503", "busy");
            **request = Record { stage: request.stage, ..failed };
        }
    }
    run_with(
        entries,
        &json!({"goodput": {"constraints": {"ttft": 0.1}}, "request_lifecycle": {"per_request": true}}),
    )
}

/// Checks that fail once `change` was made to the tree of `file`.
fn found(file: &str, change: impl Fn(&mut Value)) -> Vec<(String, Severity, Option<String>)> {
    let run = run();
    let documents: Vec<Document> = documents(&run)
        .into_iter()
        .map(|document| {
            let mut tree = document.tree().clone();
            if document.name() == file {
                change(&mut tree);
            }
            Document::json(document.name(), tree)
        })
        .collect();
    let findings = Validation::of(&run, &documents).findings;
    findings.into_iter().map(|finding| (finding.check, finding.severity, finding.report)).collect()
}

fn set(pointer: &'static str, value: Value) -> impl Fn(&mut Value) {
    move |tree| *tree.pointer_mut(pointer).expect("it is there") = value.clone()
}

#[test]
fn sound_reports_are_listed_without_findings() {
    let run = run();
    let validation = Validation::of(&run, &documents(&run));
    assert_eq!(validation.findings, []);
    let empty = json!({"warnings": [], "errors": []});
    let tree = validation.document().tree().clone();
    assert_eq!(tree["global"], empty);
    let reports = tree["reports"].as_object().expect("an object");
    let names: Vec<&str> = reports.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            SUMMARY,
            "stage_0_lifecycle_metrics.json",
            STAGE,
            "per_request_lifecycle_metrics.json",
            "inference-perf.partial.stage_0.yaml",
            PARTIAL
        ]
    );
    assert!(reports.values().all(|group| *group == empty));
}

#[test]
fn answers_without_a_token_and_failed_runs_are_no_fault() {
    let empty = Record { output_tokens: Some(0), chunks: Vec::new(), ..record(0, 0) };
    let failed = failure(1, S, "HTTP Error 503", "busy");
    for record in [empty, failed] {
        let mut entries = Vec::new();
        for stage in 0..2 {
            entries.push(SpoolEntry::Request(Box::new(Record { stage, ..record.clone() })));
            entries.push(SpoolEntry::Stage(Box::new(stage_facts(stage, 2.0, 3.0, 0))));
        }
        let run = run_of(entries);
        assert_eq!(Validation::of(&run, &documents(&run)).findings, []);
    }
}

#[test]
fn successes_without_an_answer_or_a_count_are_no_fault_and_hide_none() {
    let answerless = |index, due| Record { output_tokens: None, chunks: Vec::new(), ..record(index, due) };
    // Where the server counts alone, as for Anthropic's API, an answer that it does not count has no length at all.
    let rules = TokenRules { answer: AnswerCount::ServerFirst, ..TokenRules::default() };
    let counted = Record { rules, usage: Some(usage(100, 4)), ..answerless(0, 0) };
    let uncounted = Record { rules, ..answerless(1, S) };
    for (records, tokenizer, mean) in
        [([record(0, 0), answerless(1, S)], Some("/models/tiny"), 2.0), ([counted, uncounted], None, 4.0)]
    {
        let mut entries: Vec<SpoolEntry> =
            records.into_iter().map(|record| SpoolEntry::Request(Box::new(record))).collect();
        entries.push(SpoolEntry::Stage(Box::new(stage_facts(0, 2.0, 3.0, 0))));
        let run = run_counted_by(entries, tokenizer);
        let mut documents = documents(&run);
        let errors = |documents: &[Document]| -> Vec<String> {
            let found = Validation::of(&run, documents).findings.into_iter();
            found.filter(|it| it.severity == Severity::Error).map(|finding| finding.check).collect()
        };
        assert_eq!(documents[0].tree()["successes"]["output_tokens"]["mean"], mean);
        assert_eq!(errors(&documents), [""; 0]);
        let mut tree = documents[0].tree().clone();
        set("/successes/output_tokens/total", json!(1.0))(&mut tree);
        documents[0] = Document::json(SUMMARY, tree);
        assert_eq!(errors(&documents), ["summary.tokens"]);
    }
}

#[test]
fn a_report_that_contradicts_itself_is_found() {
    let cases: [(&'static str, Value, &str); 14] = [
        ("/successes/count", json!(70), "counts"),
        ("/benchmark_time_seconds", json!(-1.0), "time"),
        ("/successes/latency/request_latency/min", json!(9.0), "distributions"),
        ("/successes/latency/request_latency/mean", json!(9.0), "distributions"),
        ("/successes/latency/request_latency/p90", json!(0.01), "distributions"),
        ("/successes/prompt_tokens/cached", json!(9e9), "tokens"),
        ("/successes/prompt_tokens/uncached", json!(1.0), "tokens"),
        ("/successes/prompt_tokens/total", json!(1.0), "tokens"),
        ("/successes/output_tokens/total", json!(1.0), "tokens"),
        ("/successes/throughput/images_per_sec", json!(-1.0), "throughput"),
        ("/successes/throughput/requests_per_sec", json!(900.0), "throughput"),
        ("/successes/throughput/total_tokens_per_sec", json!(1.0), "throughput"),
        ("/successes/goodput_metrics/good_requests", json!(900), "goodput"),
        ("/successes/goodput_metrics/goodput_percentage", json!(101.0), "goodput"),
    ];
    for (pointer, value, check) in cases {
        for (file, family) in [(SUMMARY, "summary"), (STAGE, "per_stage")] {
            let found = found(file, set(pointer, value.clone()));
            let expected = (format!("{family}.{check}"), Severity::Error, Some(file.to_owned()));
            assert!(found.contains(&expected), "{pointer}: {found:?}");
        }
    }
    let structure = found(SUMMARY, |tree| *tree = json!({"successes": {}}));
    assert_eq!(structure[0].0, "summary.structure");
}

#[test]
fn what_is_only_worth_knowing_is_a_warning() {
    let warned = |file: &str, pointer: &'static str, value: Value, check: &str| {
        let found = found(file, set(pointer, value));
        assert_eq!(found, [(check.to_owned(), Severity::Warning, Some(file.to_owned()))]);
    };
    warned(STAGE, "/successes/token_count_mismatches", json!(2), "per_stage.token_mismatches");
    warned(STAGE, "/load_summary/schedule_delay/min", json!(-0.001), "per_stage.distributions");
}

#[test]
fn a_stages_load_is_not_negative() {
    for pointer in ["/load_summary/achieved_rate", "/load_summary/send_duration"] {
        let found = found(STAGE, set(pointer, json!(-1.0)));
        assert_eq!(found, [("per_stage.load".to_owned(), Severity::Error, Some(STAGE.to_owned()))]);
    }
}

#[test]
fn files_that_contradict_one_another_are_found() {
    let globally = |check: &str, severity| (format!("cross_report.{check}"), severity, None);
    let totals = found(STAGE, set("/load_summary/count", json!(11)));
    assert!(totals.contains(&globally("stage_totals", Severity::Error)), "{totals:?}");
    let listed = found(SUMMARY, set("/load_summary/count", json!(11)));
    assert!(listed.contains(&globally("per_request_count", Severity::Error)), "{listed:?}");
    let rates = found(STAGE, set("/load_summary/requested_rate", json!(0.5)));
    assert_eq!(rates, [globally("stage_rates", Severity::Warning)]);
    let fewer = found("config.yaml", set("/load/stages", json!([{"rate": 1.0}])));
    assert_eq!(fewer, [globally("configured_stages", Severity::Error)]);
    let more = found("config.yaml", set("/load/stages", json!([{}, {}, {}])));
    assert_eq!(more, [globally("configured_stages", Severity::Warning)]);
}

#[test]
fn stages_without_a_report_are_named() {
    let mut entries = two_stages();
    entries.retain(|entry| !matches!(entry, SpoolEntry::Request(record) if record.stage == 0));
    let run = run_of(entries);
    let findings = Validation::of(&run, &documents(&run)).findings;
    let checks: Vec<&str> = findings.iter().map(|finding| finding.check.as_str()).collect();
    assert_eq!(checks, ["cross_report.stage_indices", "cross_report.configured_stages"]);
    assert_eq!(findings[0].message, "stages without a request have no report: 0");
}

#[test]
fn partial_reports_have_rules_of_their_own() {
    let aggregate = "/results/request_performance/aggregate";
    let cases: [(&str, Value, &str); 5] = [
        ("/version", json!("0.1"), "version"),
        ("/run/time/duration", json!("PT9.000S"), "run_time"),
        ("/run/eid", Value::Null, "nulls"),
        ("/run/uid", json!(4), "schema"),
        ("/results/request_performance/aggregate/latency/request_latency/p90", json!(9.0), "distributions"),
    ];
    let expected = |check: &str| (format!("br_partial.{check}"), Severity::Error, Some(PARTIAL.to_owned()));
    for (pointer, value, check) in cases {
        let found = found(PARTIAL, set(pointer.to_owned().leak(), value));
        assert!(found.contains(&expected(check)), "{pointer}: {found:?}");
    }
    for (here, _) in partials::BOTH {
        let pointer = format!("{aggregate}{here}");
        let found = found(PARTIAL, set(pointer.leak(), json!(77)));
        assert!(found.contains(&expected("lifecycle_agreement")), "{here}: {found:?}");
    }
}

#[test]
fn findings_on_single_requests_name_their_entries() {
    let mut entries = two_stages();
    for entry in entries.iter_mut().take(8) {
        if let SpoolEntry::Request(record) = entry {
            record.usage = Some(usage(100, 40));
        }
    }
    let run = run_with(entries, &json!({"request_lifecycle": {"per_request": true}}));
    let validation = Validation::of(&run, &documents(&run));
    let of_requests: Vec<&Finding> =
        validation.findings.iter().filter(|it| it.report.as_deref() == Some(per_request::NAME)).collect();
    assert_eq!(of_requests.len(), 1);
    assert_eq!(of_requests[0].check, "per_request.token_agreement");
    assert_eq!(
        of_requests[0].message,
        "8 requests whose client's and server's counts of output tokens differ by more than 25 % (entries 0, 1, 2, 3, \
         4, …)"
    );
    let tree = validation.document().tree().clone();
    let warnings = &tree["reports"][per_request::NAME]["warnings"];
    assert_eq!(
        warnings[0],
        json!({
            "check": "per_request.token_agreement", "severity": "warning", "message": of_requests[0].message,
            "report": per_request::NAME,
        })
    );
}
