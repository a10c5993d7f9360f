//! Messages and places of `--set` arguments; what they do is tested with the layers, against Helm.

use benchmark_schemas::problem::Origin;

use super::*;

fn fault(argument: &str, kind: Kind) -> String {
    let mut tree = Node::empty_map(Origin::Derived);
    apply(&mut tree, argument, kind, &BTreeMap::new()).unwrap_err().to_string()
}

#[test]
fn faults_name_the_argument_and_the_remedy() {
    let arguments = [
        "a",
        "a=1,b",
        "=1",
        "a..b=1",
        "a[x]=1",
        "a[0=1",
        "a[0]b=1",
        "a[0]",
        "a={1,2",
        "a[99999]=1",
        "a=1,a.b=2",
        "a.b=1,a[0]=2",
    ];
    let faults: Vec<String> = arguments.iter().map(|argument| fault(argument, Kind::Typed)).collect();
    insta::assert_snapshot!(faults.join("\n"), @r"
    --set a: has no value (write KEY=VALUE; a comma in a value is `\,`)
    --set b: has no value (write KEY=VALUE; a comma in a value is `\,`)
    --set : a name in the key is empty (write KEY=VALUE with a dotted key)
    --set a..: a name in the key is empty (write KEY=VALUE with a dotted key)
    --set a[x]: `x` is not a list index (write a number from 0 to 65536)
    --set a[0: a list index has no `]` (write KEY[0]=VALUE)
    --set a[0]b: `b` stands behind a list index (after `]` write `.`, `[` or `=`)
    --set a[0]: has no value (write KEY=VALUE)
    --set a: a list has no `}` (write KEY={A,B})
    --set a[99999]: `99999` is not a list index (write a number from 0 to 65536)
    --set a.b=2: a: is not a mapping: --set a=1 gave it another value (set the whole key, or change that value)
    --set a[0]=2: a: is not a list: --set a.b=1 gave it another value (set the whole key, or change that value)
    ");
    insta::assert_snapshot!(fault("a={\"b\"", Kind::Json), @r#"--set-json a=…: the value is not JSON: EOF while parsing an object at line 1 column 4 (quote keys and strings with ")"#);
    insta::assert_snapshot!(fault("{\"b\"", Kind::Json), @r#"--set-json {…}: not a JSON object: EOF while parsing an object at line 1 column 4 (quote keys and strings with ")"#);
    insta::assert_snapshot!(fault("a=missing.txt", Kind::File), @"--set-file a=missing.txt: the file `missing.txt` was not read (check its path)");
}

#[test]
fn secrets_and_json_do_not_stand_in_a_place() {
    let origin = |argument: &str, kind: Kind, path: &[&str]| {
        let mut tree = Node::empty_map(Origin::Derived);
        apply(&mut tree, argument, kind, &BTreeMap::new()).unwrap();
        tree.at(path.iter().copied()).unwrap().origin.to_string()
    };
    assert_eq!(origin("a.api_key=sk-1,b=2", Kind::Typed, &["a", "api_key"]), "--set a.api_key=********");
    assert_eq!(origin("a.api_key=sk-1,b=2", Kind::Typed, &["b"]), "--set b=2");
    assert_eq!(
        origin("h.Authorization=Bearer x", Kind::Literal, &["h", "Authorization"]),
        "--set-literal h.Authorization=********"
    );
    assert_eq!(origin("h.X=Bearer abcdef123", Kind::Typed, &["h", "X"]), "--set h.X=********");
    assert_eq!(origin("m=hf_abcdefghijklmnop", Kind::Text, &["m"]), "--set-string m=********");
    assert_eq!(origin(r#"a={"token":"x"}"#, Kind::Json, &["a", "token"]), "--set-json a=…");
}

#[test]
fn files_are_named_for_the_caller_to_read() {
    assert_eq!(paths("a=x.txt,b={y.txt,z\\,.txt},c=").unwrap(), ["x.txt", "y.txt", "z,.txt"]);
    let contents = BTreeMap::from([("x.txt".to_owned(), "text\n".to_owned())]);
    let mut tree = Node::empty_map(Origin::Derived);
    apply(&mut tree, "a=x.txt,b={x.txt}", Kind::File, &contents).unwrap();
    assert_eq!(tree.to_json(), serde_json::json!({"a": "text\n", "b": ["text\n"]}));
}
