//! The page's text: what a browser makes of it is tested beside the program.

use benchmark_schemas::record::{Record, SpoolEntry};
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
