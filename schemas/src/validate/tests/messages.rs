//! The words of messages.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{handmade_schema, run_schema};
use crate::problem::Problems;
use crate::validate::{Coercion, conform};
use crate::yaml::{Dialect, parse};

/// Problems of a YAML text, one a line.
fn messages(text: &str, schema: &Value, coercion: Coercion) -> String {
    let mut node = parse(text, "f.yml", Dialect::Config).unwrap();
    Problems::check(conform(&mut node, schema, coercion))
        .map_or_else(|problems| problems.to_string(), |()| String::new())
}

#[test]
fn messages_name_place_fault_and_remedy() {
    let text = "\
rate: -5
duration: 2.5
streaming: perhaps
kind: poison
plain: xml
stages:
- rate: 0
- {}
- rate: 1
  duraton: 5
  zebra: 1
- rate: fast
  inner: {rate: [1]}
name: x
label: A1
length: -2
headers:
  x: 2
  Authorization: [1]
tagged: {type: htp}
level: 9
share: 1.5
strem: true
";
    assert_snapshot!(messages(text, &run_schema(), Coercion::Pydantic), @r#"
    f.yml:1:7: rate: must be greater than 0, is -5 (meaning: requests per second)
    f.yml:2:11: duration: must be a whole number, is 2.5 (meaning: length of the stage in seconds)
    f.yml:3:12: streaming: must be true or false, is `perhaps`
    f.yml:4:7: kind: unknown value `poison` (did you mean `poisson`? allowed: trace_replay, constant, poisson)
    f.yml:5:8: plain: must be one of Json, Csv; is `xml`
    f.yml:7:3: stages: must have at most 3 items, has 4 (leave out 1)
    f.yml:7:9: stages[0].rate: must be greater than 0, is 0 (meaning: requests per second)
    f.yml:8:3: stages[1].rate: is missing (add `rate: …`, a number, meaning: requests per second)
    f.yml:10:3: stages[2].duraton: unknown key (did you mean `duration`?)
    f.yml:11:3: stages[2].zebra: unknown key (known keys: rate, duration, inner)
    f.yml:12:9: stages[3].rate: must be a number, is `fast` (meaning: requests per second)
    f.yml:13:17: stages[3].inner.rate: must be a number, is a list (meaning: requests per second)
    f.yml:14:7: name: must have at least 2 characters, has 1 (write at least 2 characters)
    f.yml:15:8: label: does not have the expected form (it must match the pattern ^[a-z]+$)
    f.yml:16:9: length: must be at least 1, is -2
    f.yml:18:6: headers.x: must be text, is a number (put it into quotes)
    f.yml:19:18: headers.Authorization: must be text, is a list
    f.yml:20:16: tagged.type: unknown value `htp` (did you mean `http`? allowed: http, file)
    f.yml:21:8: level: must be at most 5, is 9
    f.yml:22:8: share: must be at most 1, is 1.5
    f.yml:23:1: strem: unknown key (known keys: rate, duration, streaming, kind, plain, stages, name, label, length, headers, tagged, external, free, pair, level, share)
    "#);
}

#[test]
fn messages_about_missing_and_empty_things() {
    assert_snapshot!(messages("stages: []\nheaders:\nrate:\n", &run_schema(), Coercion::Pydantic), @r#"
    f.yml:1:1: duration: is missing (add `duration: …`, a whole number, meaning: length of the stage in seconds)
    f.yml:1:9: stages: must not be empty (write at least 1 item)
    f.yml:2:1: headers: must be a mapping, has no value (write a value or remove the key)
    f.yml:3:1: rate: must be a number, has no value (write a value or remove the key)
    "#);
    assert_snapshot!(messages("- 1\n", &run_schema(), Coercion::Pydantic), @"f.yml:1:1: must be a mapping, is a list (write `key: value` lines below it)");
    assert_snapshot!(messages("", &run_schema(), Coercion::Pydantic), @"f.yml:1:1: there is nothing here (write `key: value` lines)");
}

#[test]
fn messages_about_unions() {
    let text = |rest: &str| format!("rate: 1\nduration: 1\n{rest}\n");
    let show = |rest: &str| messages(&text(rest), &run_schema(), Coercion::Pydantic);
    let all: Vec<String> = [
        "length: long",
        "length: {max: 5}",
        "length: {min: 5, kind: x}",
        "length: [5]",
        "tagged: {url: x}",
        "tagged: {type: http}",
        "tagged: {type: file, path: p, size: -1}",
        "tagged: http",
        "external: {some: 300}",
        "external: nobody",
        "external: {thing: 1}",
        "plain: 5",
        "kind:",
        "headers: 'Authorization: Bearer x'",
    ]
    .iter()
    .map(|rest| format!("{rest}\n    {}", show(rest).replace('\n', "\n    ")))
    .collect();
    assert_snapshot!(all.join("\n"), @r#"
    length: long
        f.yml:3:9: length: must be a whole number or a mapping, is `long`
    length: {max: 5}
        f.yml:3:9: length.min: is missing (add `min: …`, a whole number)
        f.yml:3:10: length.max: unknown key (known keys: min, kind)
    length: {min: 5, kind: x}
        f.yml:3:24: length.kind: must be one of trace_replay, constant, poisson; is `x`
    length: [5]
        f.yml:3:9: length: must be a whole number or a mapping, is a list
    tagged: {url: x}
        f.yml:3:9: tagged.type: is missing (add `type: …`, one of http, file)
    tagged: {type: http}
        f.yml:3:9: tagged.url: is missing (add `url: …`, text)
    tagged: {type: file, path: p, size: -1}
        f.yml:3:37: tagged.size: must be at least 0, is -1
    tagged: http
        f.yml:3:9: tagged: must be a mapping, is text
    external: {some: 300}
        f.yml:3:18: external.some: must be at most 255, is 300
    external: nobody
        f.yml:3:11: external: must be none, is `nobody`
    external: {thing: 1}
        f.yml:3:11: external.some: is missing (add `some: …`, a whole number)
        f.yml:3:12: external.thing: unknown key (known keys: some)
    plain: 5
        f.yml:3:8: plain: must be one of Json, Csv; is 5
    kind:
        f.yml:3:1: kind: must be one of trace_replay, constant, poisson; has no value
    headers: 'Authorization: Bearer x'
        f.yml:3:10: headers: must be a mapping, is text (write `key: value` lines below it)
    "#);
}

#[test]
fn messages_of_the_handmade_schema() {
    let text = "\
set: [1, 1.0]
few: {}
never: 1
one: 5
both: 4
constant: {a: [1]}
mixed: z
spelled: abc
limits: ''
other: x
";
    assert_snapshot!(messages(text, &handmade_schema(), Coercion::None), @r#"
    f.yml:1:1: below: is missing (add `below: …`, a number)
    f.yml:1:6: set: items 0 and 1 are the same (remove one of them)
    f.yml:2:6: few: must not be empty (write at least 1 entry)
    f.yml:3:8: never: must not be given (remove it)
    f.yml:4:6: one: fits more than one alternative (write it so that only one fits)
    f.yml:5:7: both: must be at most 3, is 4
    f.yml:6:11: constant: must be {"a":[1,2.0]}, is a mapping
    f.yml:7:8: mixed: must be one of 1, x, true, [1]; is `z`
    f.yml:8:10: spelled: must be a number, is `abc`
    f.yml:9:9: limits: must not be empty (write at least 1 character)
    f.yml:10:8: other: must be a whole number, is `x`
    "#);
}

/// A value that should be text may be a secret; none is repeated.
#[test]
fn text_is_not_shown_where_text_is_due() {
    let schema = json!({"additionalProperties": {"anyOf": [{"type": "string", "minLength": 20, "pattern": "^[a-z]+$"}, {"type": "null"}]}});
    let shown = messages(
        "a: 123456789\nb: hunter2\nc: {x: hunter2}\nd: [hunter2]\ne: hunter2hunter2hunter2hunter2\n",
        &schema,
        Coercion::Pydantic,
    );
    assert!(!shown.contains("hunter2") && !shown.contains("123456789"), "{shown}");
    assert_eq!(shown.lines().count(), 5);
    let shown = messages(
        "rate: 1\nduration: 1\nheaders: hunter2\ntagged: hunter2\n",
        &run_schema(),
        Coercion::Pydantic,
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}
