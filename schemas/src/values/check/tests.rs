//! Verdicts only; the messages are snapshots of the renderer, which has places to show.

use serde_json::json;

use super::*;
use crate::yaml::{Dialect, parse};

/// Keys that the rules complain of when `overrides` (YAML) is put over a plain benchmark.
fn keys(overrides: &str) -> Vec<String> {
    let base = json!({"benchmark": {
        "enabled": true,
        "scenario": "mine",
        "image": {"repository": "r"},
        "target": {"baseUrl": "http://a.b"},
        "scenarios": {"mine": {
            "data": {"input": {"mean": 1}, "output": {"mean": 1}},
            "load": {"type": "constant", "stages": [{"rate": 1, "duration": 1}]},
        }},
    }});
    let overrides = parse(overrides, "my.yaml", Dialect::Values).unwrap().to_json();
    let mut tree = base;
    over(&mut tree, overrides);
    let node = Node::from_json(&tree, &Origin::Derived);
    let values: Values = serde_json::from_value(tree).unwrap();
    check(&values, &node).into_iter().map(|problem| problem.key).collect()
}

fn over(base: &mut Value, overrides: Value) {
    match (base, overrides) {
        (Value::Object(base), Value::Object(overrides)) => {
            for (key, value) in overrides {
                over(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, value) => *base = value,
    }
}

#[test]
fn a_plain_benchmark_is_right() {
    assert_eq!(keys("{}"), Vec::<String>::new());
}

#[test]
fn each_rule_names_its_key() {
    for (overrides, key) in [
        ("benchmark: {scenario: other}", "benchmark.scenario"),
        ("benchmark: {scenario: other, scenarios: {other: null}}", "benchmark.scenario"),
        ("benchmark: {scenario: ''}", "benchmark.scenario"),
        ("benchmark: {scenarios: {mine: {data: {output: null}}}}", "benchmark.scenarios.mine.data.output"),
        (
            "benchmark: {scenarios: {mine: {data: {input: {min: 2, max: '1'}}}}}",
            "benchmark.scenarios.mine.data.input",
        ),
        ("benchmark: {scenarios: {mine: {load: {type: null}}}}", "benchmark.scenarios.mine.load.type"),
        ("benchmark: {scenarios: {mine: {load: {stages: []}}}}", "benchmark.scenarios.mine.load.stages"),
        (
            "benchmark: {scenarios: {mine: {load: {stages: [{rate: 1}]}}}}",
            "benchmark.scenarios.mine.load.stages[0].duration",
        ),
        ("benchmark: {scenarios: {mine: {load: null}}}", "benchmark.scenarios.mine.load"),
        ("benchmark: {target: {baseUrl: ''}}", "benchmark.target.baseUrl"),
        ("benchmark: {target: {baseUrl: 'a.b:80'}}", "benchmark.target.baseUrl"),
        ("benchmark: {target: {baseUrl: 'http://u:p@a'}}", "benchmark.target.baseUrl"),
        ("benchmark: {config: {server: {base_url: 'http://u:p@a'}}}", "benchmark.config.server.base_url"),
        ("benchmark: {config: {server: {api_key: x}}}", "benchmark.config.server.api_key"),
        ("benchmark: {config: {tokenizer: {token: x}}}", "benchmark.config.tokenizer.token"),
        ("benchmark: {config: {api: {headers: {X-Api-Key: x}}}}", "benchmark.config.api.headers.X-Api-Key"),
        ("benchmark: {config: {load: {stages: null}}}", "benchmark.scenarios.mine.load.stages"),
        ("benchmark: {storage: {s3: {enabled: true}}}", "benchmark.storage.s3.bucketName"),
        ("benchmark: {job: {nameSuffix: 'no_'}}", "benchmark.job.nameSuffix"),
        (
            "benchmark: {affinity: {mode: required}, target: {baseUrl: 'http://x.example.com'}}",
            "benchmark.affinity.mode",
        ),
        ("benchmark: {extraEnv: [{name: A}, {name: B}, {name: A}]}", "benchmark.extraEnv[2].name"),
        ("fullnameOverride: '__'", "fullnameOverride"),
        ("commonLabels: {a: '='}", "commonLabels.a"),
        ("benchmark: {podLabels: {a: '<<'}}", "benchmark.podLabels.a"),
    ] {
        assert!(keys(overrides).iter().any(|found| found == key), "{overrides}: {:?}", keys(overrides));
    }
}

#[test]
fn what_is_only_unusual_is_let_through() {
    for overrides in [
        "benchmark: {enabled: false, scenario: other}",
        "benchmark: {scenarios: {other: {}}}",
        "benchmark: {config: {server: {api_key: ''}, api: {headers: {x-request-id: a}}}}",
        "benchmark: {scenarios: {mine: {data: {type: shareGPT, input: null, output: null}}}}",
        "benchmark: {scenarios: {mine: {load: {stages: [], sweep: {type: linear}}}}}",
        "benchmark: {affinity: {mode: required, targetLabels: {a: 1}}, target: {baseUrl: 'http://x.example.com'}}",
        "benchmark: {job: {nameSuffix: 7}}",
    ] {
        assert_eq!(keys(overrides), Vec::<String>::new(), "{overrides}");
    }
}
