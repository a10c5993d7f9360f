//! Changes as a reviewer reads them.

use serde_json::json;

use super::*;

fn text(old: &[Value], new: &[Value]) -> String {
    to_text(&changes(old, new), Colours::Off)
}

fn config_map(name: &str, config: &str) -> Value {
    json!({"kind": "ConfigMap", "metadata": {"name": name}, "data": {"config.yml": config}})
}

#[test]
fn keys_of_config_yml_are_compared_and_digests_are_not() {
    let old = [config_map("b-saturation-0123abcd", "load:\n  stages:\n  - {rate: 5}\n  interval: 1\n")];
    let new = [config_map("b-saturation-ffff0000", "load:\n  stages:\n  - {rate: 6}\n  - {rate: 7}\n")];
    insta::assert_snapshot!(text(&old, &new), @r#"
    ConfigMap/b-saturation
      ~ metadata.name: "b-saturation-0123abcd" → "b-saturation-ffff0000"
      ~ data."config.yml".load.stages[0].rate: 5 → 6
      + data."config.yml".load.stages[1]: {"rate":7}
      - data."config.yml".load.interval: 1
    "#);
}

#[test]
fn named_items_are_told_apart_by_their_names() {
    let pod = |env: Value| json!({"kind": "Pod", "metadata": {"name": "p"}, "spec": {"env": env}});
    let old = [pod(json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]))];
    let new =
        [pod(json!([{"name": "B", "value": "3"}, {"name": "A", "value": "1"}, {"name": "C", "value": "4"}]))];
    insta::assert_snapshot!(text(&old, &new), @r#"
    Pod/p
      ~ spec.env[B].value: "2" → "3"
      + spec.env[C]: {"name":"C","value":"4"}
    "#);
}

#[test]
fn items_of_one_name_are_told_apart_by_their_position() {
    let pod = |paths: [&str; 2]| {
        let mounts = paths.map(|path| json!({"name": "results", "mountPath": path}));
        [json!({"kind": "Pod", "metadata": {"name": "p"}, "mounts": mounts})]
    };
    insta::assert_snapshot!(text(&pod(["/a", "/b"]), &pod(["/c", "/b"])), @r#"
    Pod/p
      ~ mounts[0].mountPath: "/a" → "/c"
    "#);
}

#[test]
fn whole_objects_come_and_go() {
    let old = [
        json!({"kind": "Job", "metadata": {"name": "a"}}),
        json!({"kind": "Job", "metadata": {"name": "c"}}),
    ];
    let new = [
        json!({"kind": "Job", "metadata": {"name": "b"}}),
        json!({"kind": "Pod", "metadata": {"name": "c"}}),
    ];
    insta::assert_snapshot!(text(&old, &new), @r"
    Job/b
      + the whole object
    Pod/c
      + the whole object
    Job/a
      - the whole object
    Job/c
      - the whole object
    ");
}

#[test]
fn the_only_object_of_a_kind_keeps_its_place_under_another_name() {
    let job = |name: &str| json!({"kind": "Job", "metadata": {"name": name}, "spec": {"n": 1}});
    insta::assert_snapshot!(text(&[job("r-baseline"), job("same")], &[job("same"), job("r-sweep")]), @r#"
    Job/r-baseline → Job/r-sweep
      ~ metadata.name: "r-baseline" → "r-sweep"
    "#);
}

#[test]
fn what_is_empty_is_nothing_and_numbers_are_values() {
    let object = |spec: Value| [json!({"kind": "Job", "metadata": {"name": "a"}, "spec": spec})];
    assert_eq!(text(&object(json!({"x": [], "y": {"z": null}, "n": 1})), &object(json!({"n": 1.0}))), "");
}

#[test]
fn a_secret_changes_without_being_read() {
    let secret =
        |value: &str| [json!({"kind": "Secret", "metadata": {"name": "s"}, "data": {"token": value}})];
    let text = text(&secret("b2xk"), &secret("bmV3"));
    assert!(
        text.contains("~ data.token: \"(hidden, ") && !text.contains("b2xk") && !text.contains("bmV3"),
        "{text}"
    );
}

#[test]
fn colours_mark_the_kind_of_change() {
    let change = Change { object: "Job/a".into(), key: "k".into(), old: None, new: Some(json!(1)) };
    assert_eq!(to_text(&[change], Colours::On), "Job/a\n  \u{1b}[32m+ k: 1\u{1b}[0m\n");
}

#[test]
fn what_a_server_adds_is_taken_off() {
    let rendered = json!({
        "kind": "Job", "metadata": {"name": "a", "labels": {"app": "x"}},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "serviceAccountName": "s", "dnsPolicy": "ClusterFirst",
            "containers": [{"name": "c", "image": "i", "imagePullPolicy": "IfNotPresent"}]}}}
    });
    let live = json!({
        "kind": "Job",
        "metadata": {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7", "creationTimestamp": "t",
            "labels": {"app": "x", "batch.kubernetes.io/job-name": "a"}, "annotations": {"meta.helm.sh/release-name": "r"}},
        "spec": {"completions": 1, "parallelism": 1, "selector": {"matchLabels": {"u": "v"}}, "suspend": true,
            "template": {"metadata": {"labels": {"controller-uid": "u"}}, "spec": {"restartPolicy": "Never", "serviceAccountName": "s",
            "serviceAccount": "s", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
            "containers": [{"name": "c", "image": "other", "imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log"}]}}},
        "status": {"active": 1}
    });
    let cleaned = without_server_fields(&live, Some(&rendered));
    insta::assert_snapshot!(text(&[cleaned], &[rendered]), @r#"
    Job/a
      ~ spec.template.spec.containers[c].image: "other" → "i"
      - spec.suspend: true
    "#);
}

#[test]
fn lists_of_objects_are_taken_apart() {
    let text = "kind: List\nitems:\n- {kind: A}\n- {kind: B}\n---\n---\nkind: C\n";
    let kinds: Vec<Value> =
        objects(text, "(stdin)").expect("YAML").iter().map(|object| object["kind"].clone()).collect();
    assert_eq!(kinds, ["A", "B", "C"]);
}
