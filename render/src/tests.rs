//! What is rendered and what is refused, through the public functions.

use benchmark_schemas::validate::unknown_keywords;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn file(text: &str) -> Layers {
    Layers { files: vec![ValuesFile { name: "my.yaml".into(), text: text.into() }], ..Layers::default() }
}

fn set(arguments: &[&str]) -> Layers {
    Layers { set: arguments.iter().map(|&argument| argument.to_owned()).collect(), ..Layers::default() }
}

fn release() -> Release {
    Release::new("test", "team-a").unwrap()
}

fn rendered(layers: &Layers) -> Vec<Manifest> {
    render(&release(), layers).unwrap()
}

fn refusal(layers: &Layers) -> String {
    values(layers).unwrap_err().to_string()
}

#[test]
fn the_objects_come_in_helms_order_and_in_one_namespace() {
    let manifests = rendered(&Layers::default());
    let kinds: Vec<&str> = manifests.iter().map(Manifest::kind).collect();
    assert_eq!(kinds, ["ServiceAccount", "ConfigMap", "Job"]);
    for manifest in &manifests {
        assert_eq!(manifest.object["metadata"]["namespace"], "team-a");
    }
}

#[test]
fn the_config_map_holds_the_text_of_config() {
    let layers = set(&["benchmark.scenario=saturation", "benchmark.storage.s3.bucketName=b"]);
    let manifests = rendered(&layers);
    assert_eq!(manifests[1].object["data"]["config.yml"], json!(config(&release(), &layers).unwrap()));
    assert_eq!(manifests[1].object["metadata"]["name"], manifests[2].object["metadata"]["name"]);
}

#[test]
fn the_name_changes_exactly_if_the_run_does() {
    let name = |arguments: &[&str]| {
        rendered(&set(arguments))[2].object["metadata"]["name"].as_str().unwrap().to_owned()
    };
    let plain = name(&[]);
    assert_eq!(name(&["benchmark.job.backoffLimit=3", "benchmark.scenarios.sweep.load.numWorkers=1"]), plain);
    for change in [
        "benchmark.scenarios.baseline.load.numWorkers=1",
        "benchmark.image.tag=x",
        "benchmark.job.retryOnDisruption=true",
    ] {
        assert_ne!(name(&[change]), plain, "{change}");
    }
    assert_eq!(name(&["benchmark.job.nameSuffix=none"]), "test-benchmark-charts-baseline");
    assert_eq!(name(&["benchmark.job.nameSuffix=7"]), "test-benchmark-charts-baseline-7");
}

#[test]
fn nothing_is_rendered_unless_enabled() {
    let layers = set(&["benchmark.enabled=false", "benchmark.scenario=unknown"]);
    assert_eq!(rendered(&layers), []);
    insta::assert_snapshot!(config(&release(), &layers).unwrap_err(), @"--set benchmark.enabled=false: benchmark.enabled: is false, so there is no config.yml (set it to true)");
}

#[test]
fn same_input_same_bytes() {
    let layers = set(&["benchmark.scenario=sweep"]);
    assert_eq!(manifest::to_yaml(&rendered(&layers)), manifest::to_yaml(&rendered(&layers)));
    let list: Value = serde_json::from_str(&manifest::to_json(&rendered(&layers))).unwrap();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(3));
}

#[test]
fn every_problem_is_told_at_once_with_its_place() {
    let text = "\
benchmark:
  scenario: saturaton
  targt:
    baseUrl: http://x
  api: {type: grpc}
  scenarios:
    baseline:
      load:
        stages:
        - rate: -1
          duration: 1.5
  config:
    load:
      intervall: 3
";
    insta::assert_snapshot!(refusal(&file(text)), @r"
    my.yaml:2:13: benchmark.scenario: there is no scenario `saturaton` (set it to one of: baseline, saturation, sweep, production, dataset, capacity, or define benchmark.scenarios.saturaton)
    my.yaml:3:3: benchmark.targt: unknown key (did you mean `target`?)
    my.yaml:5:15: benchmark.api.type: must be one of completion, chat; is `grpc`
    my.yaml:10:17: benchmark.scenarios.baseline.load.stages[0].rate: must be greater than 0, is -1 (meaning: requests per second)
    my.yaml:11:21: benchmark.scenarios.baseline.load.stages[0].duration: must be a whole number, is 1.5 (meaning: length in seconds)
    my.yaml:14:7: benchmark.config.load.intervall: unknown key (did you mean `interval`?)
    ");
}

#[test]
fn what_the_schema_cannot_say_is_told_at_once_too() {
    let text = "\
benchmark:
  target: {baseUrl: ''}
  storage: {s3: {enabled: true}}
  job: {nameSuffix: Nightly_1}
  extraEnv: [{name: A}, {name: A}]
  scenarios:
    baseline:
      data: {input: {min: 600}, output: null}
      load: {type: null, stages: [null, {rate: 2}]}
";
    insta::assert_snapshot!(refusal(&file(text)), @r#"
    benchmark-charts/values.yaml:130:19: benchmark.storage.s3.bucketName: it is empty, but benchmark.storage.s3.enabled is true (name a bucket, or leave enabled unset)
    my.yaml:2:21: benchmark.target.baseUrl: the model server's URL is missing (write one such as http://my-model.default:8000)
    my.yaml:4:21: benchmark.job.nameSuffix: `Nightly_1` cannot be part of a name (write hash, none, or at most 20 lower-case letters, digits and inner hyphens)
    my.yaml:5:32: benchmark.extraEnv[1].name: `A` is there already (give each item its own name)
    my.yaml:8:13: benchmark.scenarios.baseline.data.output: the scenario lacks it, and data of type synthetic needs it (write mean, stdDev, min and max in tokens)
    my.yaml:8:21: benchmark.scenarios.baseline.data.input: min 600 is above max 512 (set min to at most max)
    my.yaml:9:13: benchmark.scenarios.baseline.load.type: the scenario lacks it (write constant, poisson or concurrent)
    my.yaml:9:41: benchmark.scenarios.baseline.load.stages[1].duration: it is not given, and there is no built-in stage 1 to take it from (write rate and duration of every stage)
    "#);
}

#[test]
fn an_unknown_scenario_lists_the_known_ones() {
    insta::assert_snapshot!(refusal(&set(&["benchmark.scenario=foo"])), @"--set benchmark.scenario=foo: benchmark.scenario: there is no scenario `foo` (set it to one of: baseline, saturation, sweep, production, dataset, capacity, or define benchmark.scenarios.foo)");
    insta::assert_snapshot!(refusal(&set(&["benchmark.scenario="])), @"--set benchmark.scenario=: benchmark.scenario: no scenario is named (set it to one of: baseline, saturation, sweep, production, dataset, capacity)");
    insta::assert_snapshot!(refusal(&file("benchmark: {scenario: a b, scenarios: {a b: {}}}")), @r"
    my.yaml:1:23: benchmark.scenario: `a b` cannot be the value of a label (name the scenario with at most 63 letters, digits, hyphens, dots and underscores, a letter or digit first and last)
    my.yaml:1:45: benchmark.scenarios.a b.data.input: the scenario lacks it, and data of type synthetic needs it (write mean, stdDev, min and max in tokens)
    my.yaml:1:45: benchmark.scenarios.a b.data.output: the scenario lacks it, and data of type synthetic needs it (write mean, stdDev, min and max in tokens)
    my.yaml:1:45: benchmark.scenarios.a b.load: the scenario lacks it (write type, and stages or sweep)
    ");
}

#[test]
fn a_scenario_needs_stages_or_a_sweep() {
    insta::assert_snapshot!(refusal(&file("benchmark:\n  scenarios:\n    baseline:\n      load:\n        stages: []\n")), @"my.yaml:5:17: benchmark.scenarios.baseline.load.stages: it has no stage and no sweep (add one, for example `stages: [{rate: 5, duration: 180}]`)");
}

#[test]
fn secrets_are_refused_and_not_repeated() {
    let layers = set(&[
        "benchmark.config.server.api_key=sk-123",
        "benchmark.config.tokenizer.token=hf-123,benchmark.config.api.headers.Authorization=Bearer 123",
        "benchmark.target.baseUrl=http://u:pass-123@host:80",
    ]);
    let refusal = refusal(&layers);
    assert!(
        !refusal.contains("sk-123") && !refusal.contains("hf-123") && !refusal.contains("Bearer"),
        "{refusal}"
    );
    insta::assert_snapshot!(refusal, @r#"
    --set benchmark.config.api.headers.Authorization=********: benchmark.config.api.headers.Authorization: a credential in the values would stand in a ConfigMap for all to read (keep it in a Secret and name that in benchmark.target.headers.existingSecret)
    --set benchmark.config.server.api_key=********: benchmark.config.server.api_key: a credential in the values would stand in a ConfigMap for all to read (keep it in a Secret and name that in benchmark.target.apiKey.existingSecret)
    --set benchmark.config.tokenizer.token=********: benchmark.config.tokenizer.token: a credential in the values would stand in a ConfigMap for all to read (keep it in a Secret and name that in benchmark.hfToken.existingSecret)
    --set benchmark.target.baseUrl=********: benchmark.target.baseUrl: a user or password in a URL would stand in a ConfigMap for all to read (take it out of the URL)
    "#);
}

#[test]
fn the_values_file_is_covered_by_the_schema() {
    assert_eq!(*SCHEMA, values::json_schema(), "run `make schemas`");
    assert_eq!(unknown_keywords(&SCHEMA), Vec::<String>::new());
    // Keys that stand in the schema only: what a parent chart may set, and what a scenario need not have.
    let optional = ["global", "enabled", "tags"];
    let properties =
        SCHEMA["properties"].as_object().unwrap().keys().filter(|key| !optional.contains(&key.as_str()));
    assert_eq!(properties.collect::<Vec<_>>(), keys(chart::defaults()));
    let benchmark = chart::defaults().get("benchmark").unwrap();
    let schema = &SCHEMA["properties"]["benchmark"];
    for path in [
        "",
        "image",
        "serviceAccount",
        "target",
        "api",
        "hfToken",
        "storage",
        "storage.s3",
        "dependencies",
        "job",
        "affinity",
        "scenarios.sweep",
        "scenarios.sweep.load.sweep",
        "scenarios.capacity.load.capacity",
        "scenarios.sweep.data.input",
    ] {
        let steps = || path.split('.').filter(|step| !step.is_empty());
        let part = steps().fold(schema, |schema, step| {
            schema["properties"].get(step).unwrap_or(&schema["additionalProperties"])
        });
        let mut known: Vec<&str> =
            part["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut written = keys(benchmark.at(steps()).unwrap());
        known.sort_unstable();
        written.sort_unstable();
        assert_eq!(written, known, "{path}");
    }
}

fn keys(node: &Node) -> Vec<&str> {
    let benchmark_schemas::tree::Content::Map(entries) = &node.content else { panic!("a mapping") };
    entries.keys().map(String::as_str).collect()
}

/// Trees whose keys are often right and whose values are often wrong.
fn trees() -> impl Strategy<Value = Value> {
    let names = [
        "benchmark",
        "scenario",
        "scenarios",
        "baseline",
        "load",
        "stages",
        "rate",
        "duration",
        "sweep",
        "data",
        "input",
        "min",
        "config",
        "server",
        "api",
        "headers",
        "storage",
        "s3",
        "bucketName",
        "extraEnv",
        "name",
        "value",
        "resources",
        "requests",
        "job",
        "nameSuffix",
        "affinity",
        "mode",
        "targetLabels",
        "target",
        "baseUrl",
        "podLabels",
    ];
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
        prop::sample::select(vec!["baseline", "1.5", "http://a.b", "=", "off", "hash", "\u{85}"])
            .prop_map(Value::from),
    ];
    scalar.prop_recursive(6, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::vec((prop::sample::select(names.to_vec()), inner), 0..5).prop_map(|entries| {
                Value::Object(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

fn survives(text: &str) {
    let release = Release::new("test", "").unwrap();
    if let Err(problems) = render(&release, &file(text)) {
        assert!(!problems.as_slice().is_empty());
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_make_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn arbitrary_trees_make_no_panic(tree in trees()) {
        survives(&json!({ "benchmark": tree }).to_string());
    }

    /// Whatever text stands in a value, the objects keep their structure and the text comes out as it went in.
    #[test]
    fn no_text_changes_the_structure(text in "[\\PC\\t\\n:#'\"{}\\[\\]*&!|>%@`-]{0,24}") {
        // These are refused, by the chart too.
        prop_assume!(!matches!(text.as_str(), "=" | "<<") && !text.contains(['\u{2028}', '\u{2029}']));
        let overrides = json!({ "benchmark": {
            "target": { "modelName": text, "tokenizerPath": text },
            "podAnnotations": { "note": text },
            "scenarios": { "baseline": { "description": text } },
        }});
        let layers = Layers { set_json: vec![overrides.to_string()], ..Layers::default() };
        let manifests = rendered(&layers);
        let job = &manifests[2].object;
        let annotations = &job["spec"]["template"]["metadata"]["annotations"];
        prop_assert_eq!(&annotations["note"], &json!(text));
        let config = yaml::parse(manifests[1].object["data"]["config.yml"].as_str().unwrap(), "config.yml", Dialect::Config).unwrap().to_json();
        if !text.is_empty() {
            prop_assert_eq!(&job["metadata"]["annotations"]["benchmark.description"], &json!(text));
            prop_assert_eq!(&config["server"]["model_name"], &json!(text));
        }
    }
}
