//! The page's text: what a browser makes of it is tested beside the program.

use benchmark_schemas::record::{Record, SpoolEntry};
use benchmark_schemas::report::{Binding, Estimate, Purpose, Search, SearchStep};
use proptest::prelude::*;

use super::*;
use crate::report::tests::{run_of, run_with, two_stages};

fn html(run: &RunReport) -> String {
    let document = document(run, &Validation::default());
    let mut bytes = Vec::new();
    super::super::Export::write(&document, crate::report::Layout::Indented, &mut bytes).expect("memory");
    String::from_utf8(bytes).expect("text")
}

/// Names of the elements in `html`, start and end tags, in order.
fn tags(html: &str) -> Vec<(bool, &str)> {
    let named =
        |tag: &'_ str| tag.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(tag.len());
    html.split('<')
        .skip(1)
        .map(|tag| match tag.strip_prefix('/') {
            Some(rest) => (false, &rest[..named(rest)]),
            None => (true, &tag[..named(tag)]),
        })
        .collect()
}

#[test]
fn the_answer_comes_first_and_every_part_is_there() {
    let text = html(&run_of(two_stages()));
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    let parts = ["answer", "load", "stages", "spread", "time", "validity", "configuration", "again"];
    let places = parts.map(|part| place(&format!("<section id=\"{part}\"")));
    assert!(places.is_sorted(), "{places:?}");
    for part in parts {
        place(&format!("href=\"#{part}\""));
    }
    assert!(!text.contains("<script") && !text.contains("NaN") && !text.contains("undefined"), "{text}");
    // Elements whose end tags HTML asks for.
    for name in [
        "svg",
        "g",
        "text",
        "figure",
        "figcaption",
        "table",
        "caption",
        "section",
        "div",
        "pre",
        "dl",
        "ul",
        "a",
    ] {
        let count = |is_start: bool| tags(&text).iter().filter(|tag| **tag == (is_start, name)).count();
        assert_eq!(count(true), count(false), "{name}");
    }
}

#[test]
fn a_run_without_requests_has_a_page_too() {
    let text = html(&run_of(Vec::new()));
    assert!(
        text.contains("No rate can be recommended") && text.contains("The run was interrupted"),
        "{text}"
    );
    assert!(!text.contains("<svg"), "there is nothing to draw");
}

#[test]
fn objectives_are_lines_in_the_figures() {
    let report = serde_json::json!({"goodput": {"constraints": {"ttft": 0.06, "tpot": 0.02}}});
    let mut run = run_with(two_stages(), &report);
    assert_eq!(html(&run).matches("class=\"ml\"").count(), 2);
    run.objectives =
        vec!["ttft:p95<500ms".parse().expect("an objective"), "errors<1%".parse().expect("another")];
    let text = html(&run);
    assert!(text.contains("SLO ttft:p95&lt;500ms"), "{text}");
    assert_eq!(text.matches("class=\"ml\"").count(), 3);
}

#[test]
fn each_stage_says_how_it_met_each_objective() {
    let config = serde_json::json!({"extensions": {"slo": [
        {"metric": "ttft", "quantile": 0.5, "limit": 0.06}, {"metric": "latency", "quantile": 0.5, "limit": 0.1},
    ]}});
    let mut entries = two_stages();
    let mut facts = crate::metrics::source::tests::run_facts();
    if let SpoolEntry::Run(facts) = &mut facts {
        facts.config_json = config.to_string();
    }
    entries.insert(0, facts);
    let run = RunReport::read(&entries).expect("a run");
    let text = html(&run);
    for part in [
        "<th scope=\"colgroup\" colspan=\"3\">ttft:p50&lt;60ms<th scope=\"colgroup\" colspan=\"3\">latency:p50&lt;100ms",
        "<td>50.0 ms<td>100.0 (74.1 to 100.0)<td>met<td>200 ms<td>0.0 (0.0 to 25.9)<td>missed",
        "ttft:p50&lt;60ms met up to 1.00 requests/s, and never missed; latency:p50&lt;100ms missed from 1.00 requests/s on, and \
         never met",
    ] {
        assert!(text.contains(&part.replace('/', "&#x2f;")) || text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_search_shows_its_steps() {
    let mut run = run_of(two_stages());
    assert!(!html(&run).contains("id=\"search\""));
    let estimate = |value: f64| Some(Estimate { value, interval: [0.9 * value, 1.1 * value] });
    run.capacity.search = Some(Search {
        profile: benchmark_schemas::config::Profile::Coarse,
        objectives: vec!["ttft:p95<500ms".parse().expect("an objective")],
        decided: true,
        ending: "the rate is known".to_owned(),
        throughput_ceiling: estimate(8.0),
        slo_rate: estimate(5.0),
        certified_rate: Some(4.5),
        efficient_rate: None,
        binding: Some(Binding::Ttft),
        cliff: false,
        load_minutes: 2.0,
        steps: vec![SearchStep {
            stage: 0,
            purpose: Purpose::Scout,
            why: "why <it> was run".to_owned(),
            finding: "what it showed".to_owned(),
        }],
    });
    run.capacity.knee.recommended = Some([3.15, 3.6]);
    run.capacity.knee.binding = Some(Binding::Ttft);
    let text = html(&run);
    for part in [
        "Rely on 3.15 to 3.60 requests&#x2f;s: 4.50 requests&#x2f;s was certified to meet the objectives, and beyond 5.00 (95 % \
         interval 4.50 to 5.50) the time to first token was too long.",
        "<td>scout<td>1.00&#x2f;s<td>why &lt;it&gt; was run<td>what it showed",
        "<section id=\"search\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn closed_loops_have_figures_over_what_is_in_flight() {
    let mut entries = two_stages();
    for entry in &mut entries {
        if let SpoolEntry::Stage(facts) = entry {
            facts.concurrency = Some(4);
        }
    }
    let text = html(&run_of(entries));
    assert!(text.contains("With 4.00 requests in flight the server completed"), "{text}");
    assert!(text.contains("ttft-over-in-flight-t") && !text.contains("ttft-over-rate-t"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn no_name_and_no_message_becomes_markup(text in r#"[<>&"'a-z/\\\n ]{1,40}"#) {
        let mut entries = two_stages();
        for entry in &mut entries {
            if let SpoolEntry::Request(record) = entry
                && record.index == 3
            {
                **record = Record {
                    stage: record.stage,
                    ..crate::metrics::source::tests::failure(3, record.due, "HTTP Error 500", &text)
                };
            }
        }
        let mut run = run_of(entries);
        let plain = tags(&html(&run)).len();
        run.config["server"] = serde_json::json!({"model_name": text, "base_url": text});
        run.facts.tokenizer = Some(text.clone());
        prop_assert_eq!(tags(&html(&run)).len(), plain);
    }
}
