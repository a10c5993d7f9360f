//! Flags: what their text may be, and how they go over a document.

use insta::assert_snapshot;

use super::LEAST;
use crate::config::{Config, Flag, FlagKind, apply, flags};
use crate::tree::Node;
use crate::yaml::{self, Dialect};

fn flag(name: &str) -> Flag {
    flags().into_iter().find(|flag| flag.name == name).unwrap_or_else(|| panic!("no flag {name}"))
}

/// `document` with `settings` over it.
fn with(document: &str, settings: &[(&str, &str)]) -> Node {
    let mut document = yaml::parse(document, "config.yml", Dialect::Config).expect("YAML");
    let values = settings.iter().filter_map(|(name, text)| {
        let flag = flag(name);
        let node = flag.read(text).unwrap_or_else(|problem| panic!("{problem}"))?;
        Some((flag, node))
    });
    apply(&mut document, values);
    document
}

fn refusal(name: &str, text: &str) -> String {
    flag(name).read(text).expect_err("refused").to_string()
}

#[test]
fn kinds_are_those_of_the_keys() {
    let kind = |name| flag(name).kind;
    assert_eq!(kind("server.api_key"), FlagKind::Text);
    assert_eq!(kind("load.stages"), FlagKind::Json);
    assert_eq!(kind("circuit_breakers"), FlagKind::Json);
    assert_eq!(kind("data.synthetic_agentic.theme_mix"), FlagKind::Json);
    assert_eq!(kind("data.shared_prefix.question_len"), FlagKind::NumberOrJson);
    assert_eq!(kind("load.sweep.type"), FlagKind::Choice(vec!["geometric".into(), "linear".into()]));
    assert!(flags().iter().all(|flag| !flag.description.is_empty()));
}

#[test]
fn a_text_that_cannot_be_the_flags_is_refused_with_its_name() {
    assert_snapshot!(refusal("load.num_workers", "four"), @"--load.num_workers: must be a whole number, is `four`");
    assert_snapshot!(refusal("load.interval", ""), @"--load.interval: must be a number, is ``");
    assert_snapshot!(refusal("api.streaming", "banana"), @"--api.streaming: must be true or false, is `banana`");
    assert_snapshot!(refusal("load.type", "constnt"), @"--load.type: unknown value `constnt` (did you mean `constant`? allowed: constant, poisson, trace_replay, concurrent, trace_session_replay)");
    assert_snapshot!(refusal("load.stages", "[{rate: 1}]"), @r#"--load.stages: is not JSON: key must be a string at line 1 column 3 (quote the whole value for the shell, for example '[{"rate": 5, "duration": 180}]')"#);
    assert!(!refusal("api.headers", "{\"authorization\": secret}").contains("secret"));
}

#[test]
fn flags_go_over_the_file_key_by_key() {
    let document = with(
        "api: {headers: {a: x, b: y}}\nload: {stages: [{rate: 1, duration: 1}], interval: 3}\nserver: null\n",
        &[
            ("server.base_url", "http://a"),
            ("load.stages", "[{\"rate\": 2, \"duration\": 5}]"),
            ("load.num_workers", "1_0"),
            ("load.num_workers", " 12 "),
            ("api.headers", "{\"z\": \"gone\"}"),
            ("api.headers", "{\"b\": \"new\", \"c\": \"z\"}"),
            ("api.streaming", "Yes"),
            ("load.lora_traffic_split", "null"),
        ],
    );
    assert_snapshot!(document.to_json(), @r#"{"api":{"headers":{"a":"x","b":"new","c":"z"},"streaming":true},"load":{"stages":[{"rate":2,"duration":5}],"interval":3,"num_workers":12},"server":{"base_url":"http://a"}}"#);
    assert_eq!(
        with("# nothing\n", &[("load.interval", "1e1")]).to_json().to_string(),
        r#"{"load":{"interval":10.0}}"#
    );
    assert_eq!(with("[1]\n", &[("load.interval", "1")]).to_json().to_string(), "[1]");
    assert_eq!(with("[1]\n", &[]).to_json().to_string(), "[1]");
}

#[test]
fn lengths_may_be_numbers_or_distributions() {
    let key = "data.shared_prefix.question_len";
    for (text, json) in [("50", "50"), ("{\"mean\": 5}", "{\"mean\":5}"), ("1_000", "\"1_000\"")] {
        let tree = with("", &[(key, text)]).to_json();
        assert_eq!(tree["data"]["shared_prefix"]["question_len"].to_string(), json);
    }
    let document = with(
        LEAST,
        &[(key, "1_000"), ("data.shared_prefix.output_len", "x"), ("data.type", "shared_prefix")],
    );
    let problems = Config::from_node(document).expect_err("a fault");
    assert_snapshot!(problems, @"--data.shared_prefix.output_len: must be a whole number or a mapping, is `x`");
}

#[test]
fn what_is_wrong_names_the_flag() {
    let document = with(
        LEAST,
        &[
            ("load.stages", "[{\"rate\": 0, \"duration\": 1}]"),
            ("metrics.prometheus.url", "http://p"),
            ("load.request_timeout", "-1"),
        ],
    );
    let problems = Config::from_node(document).expect_err("faults");
    assert_snapshot!(problems, @r"
    --load.request_timeout: must be at least 0, is -1 (meaning: longest time that a request may take, seconds; 300 if not given or 0)
    --load.stages: load.stages[0].rate: must be greater than 0, is 0 (meaning: requests per second)
    --metrics.prometheus.url: metrics.type: is missing (add `type: …`, one of prometheus, default, meaning: kind of the source)
    ");
}
