//! What is refused, and in which words.

use std::fmt::Write as _;

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::json;

use super::{both, problems};
use crate::yaml::{Dialect, parse_all};

#[test]
fn hostile_texts_are_refused_soon() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..40 {
        let alias = format!("*a{}", i - 1);
        let _ = writeln!(bomb, "a{i}: &a{i} [{}]", [alias.as_str(); 10].join(", "));
    }
    assert_snapshot!(problems(&bomb, Dialect::Config), @"f.yml:6:15: a5[1]: aliases repeat too much data (use fewer `*` aliases of large values)");
    assert_snapshot!(problems(&"[".repeat(100_000), Dialect::Config), @"f.yml:1:256: nested too deeply (nest less)");
    assert_snapshot!(problems(&"- ".repeat(100_000), Dialect::Values), @"f.yml:1:201: nested more than 100 levels deep (nest less)");
    let open = (0..200).map(|i| format!("{:i$}a:", "")).collect::<Vec<_>>().join("\n");
    assert_snapshot!(problems(&open, Dialect::Values), @"f.yml:101:101: nested more than 100 levels deep (nest less)");
    // Depth by aliases: each level holds the one before.
    let mut deep = "a0: &a0 []\n".to_owned();
    for i in 1..200 {
        let _ = writeln!(deep, "a{i}: &a{i} [*a{}]", i - 1);
    }
    assert_snapshot!(problems(&deep, Dialect::Config), @"f.yml:100:12: nested more than 100 levels deep (nest less)");
}

#[test]
fn refused_scalars_and_tags() {
    let text = "rate: .inf\nseed: 99999999999999999999\neq: =\nobj: !!python/object:os.system x\nset: !!set {a, b}\n";
    assert_snapshot!(problems(text, Dialect::Config), @r#"
    f.yml:1:7: rate: `.inf` is not a finite number (write a finite number)
    f.yml:2:7: seed: this integer does not fit into 64 bits (write a smaller number, or put it into quotes if it is text)
    f.yml:3:5: eq: `=` has no meaning as a value (put it into quotes)
    f.yml:4:6: obj: tag `!!python/object:os.system` is not supported (remove the tag and write the plain value)
    f.yml:5:6: set: tag `!!set` is not supported (remove the tag and write the plain value)
    "#);
    assert_snapshot!(problems("a: {b: [.nan]}\nc: !!int x\nd: !!binary aGk=\n~: e\n[f]: g\n", Dialect::Values), @r#"
    f.yml:1:9: a.b[0]: `.nan` is not a finite number (write a finite number)
    f.yml:2:4: c: the tag !!int does not fit this value (correct the value or remove the tag)
    f.yml:3:4: d: tag `!!binary` is not supported (write the text itself, in quotes)
    f.yml:4:1: this cannot be a key (write a name, in quotes if need be)
    f.yml:5:1: a list or mapping cannot be a key (put text that starts with `[` or `{` into quotes)
    "#);
}

#[test]
fn characters() {
    assert_snapshot!(problems("a: 1\nb: x\0y\n", Dialect::Config), @r#"f.yml:2:5: unexpected control character U+0000 (remove it, or write "\u0000" in double quotes)"#);
    assert_snapshot!(problems("é: \u{2028}\n", Dialect::Values), @r#"f.yml:1:4: unexpected line break U+2028 (remove it, or write "\u2028" in double quotes)"#);
    assert_snapshot!(problems("a:\n\tb: 1\n", Dialect::Config), @"f.yml:2:2: a tab stands where spaces are needed (indent with spaces)");
    assert_eq!(both("a: \"\\0\\x07\\u2028\"\n")[0], Ok(json!({"a": "\0\u{7}\u{2028}"})));
}

#[test]
fn keys_are_as_long_as_readers_look_for_their_colon() {
    let key = |length: usize| "k".repeat(length);
    for dialect in [Dialect::Config, Dialect::Values] {
        for text in [
            format!("{{\"{}\": 1}}", key(1022)),
            format!("{{é: 0, \"{}\":1}}", key(1022)),
            format!("{{? \"{}\" : 1}}", key(3000)),
            "{a\n b, c: 1}".to_owned(),
            "a: \"x\n  y\"\n".to_owned(),
        ] {
            assert!(parse_all(&text, "f.yml", dialect).is_ok(), "{text}");
        }
        let long = format!("a:\n  {{é: 0, \"{}\":1}}", key(1023));
        for (text, place) in [(long.as_str(), "2:10: a"), ("{\"a\n b\":1}", "1:2")] {
            let fault = format!(
                "f.yml:{place}: a key must stand on one line and have at most 1024 characters (shorten it, or write `? ` before it)"
            );
            assert_eq!(problems(text, dialect), fault);
        }
    }
}

#[test]
fn syntax_faults() {
    let faults = [
        "a: b: c\n",
        "a: [1, 2\nb: 3\n",
        "a: {b: 1\n",
        "a: \"x\nb: 1\n",
        "a: \"x\" y\n",
        "a: \"\\q\"\n",
        "a: 'x\n",
        "a: 1\n b: 2\n",
        "a:\n  b: 1\n c: 2\n",
        "a: @x\n",
        "a: `x`\n",
        "a: %x\n",
        "a: *\n",
        "a: - b\n",
        "a: ? b\n",
        "a\nb: 1\n",
        "a: 1\nb\n",
        "- a\nb: 1\n",
        "a: ]\n",
        "a: !x!y z\n",
        "a: |x\n  b\n",
        "%YAML 3\n---\na: 1\n",
        "a: |\n  x\n y\n",
        "a: 1\n- b\n",
        "a: &\n",
        "{{ .Values.x }}\n",
        "a: {{ x }}\n",
    ];
    let report: Vec<String> =
        faults.iter().map(|text| format!("{text:?}\n    {}", problems(text, Dialect::Config))).collect();
    assert_snapshot!(report.join("\n"), @r#"
    "a: b: c\n"
        f.yml:1:5: `:` is not expected here (put text that contains `: ` into quotes, or start a new line)
    "a: [1, 2\nb: 3\n"
        f.yml:2:2: `:` is not expected here (put text that contains `:` into quotes)
    "a: {b: 1\n"
        f.yml:2:1: `{` is not closed (add `,` between the entries and `}` at the end)
    "a: \"x\nb: 1\n"
        f.yml:1:4: the quoted text is not closed, or its next line is not indented (add the closing quote)
    "a: \"x\" y\n"
        f.yml:1:8: text follows the closing quote (escape quotes inside the text as `\"`)
    "a: \"\\q\"\n"
        f.yml:1:4: unknown escape after `\` (write `\\` for a backslash, or use single quotes)
    "a: 'x\n"
        f.yml:1:4: the quoted text is not closed (add the closing quote)
    "a: 1\n b: 2\n"
        f.yml:2:3: `:` is not expected here (put text that contains `: ` into quotes, or start a new line)
    "a:\n  b: 1\n c: 2\n"
        f.yml:3:2: this does not belong to the mapping above (align it with the other keys)
    "a: @x\n"
        f.yml:1:4: a value cannot start with this character (put the text into quotes)
    "a: `x`\n"
        f.yml:1:4: a value cannot start with this character (put the text into quotes)
    "a: %x\n"
        f.yml:1:4: a value cannot start with this character (put the text into quotes)
    "a: *\n"
        f.yml:1:4: `&` or `*` has no name (put text that starts with it into quotes)
    "a: - b\n"
        f.yml:1:4: `- ` is not expected here (start the list on a line of its own, or put the text into quotes)
    "a: ? b\n"
        f.yml:1:4: `?` is not expected here (put text that starts with `? ` into quotes)
    "a\nb: 1\n"
        f.yml:2:2: `:` is not expected here (put text that contains `: ` into quotes, or start a new line)
    "a: 1\nb\n"
        f.yml:3:1: the line before this place has a key without `:` (add `:` after the key, or mend the indentation)
    "- a\nb: 1\n"
        f.yml:2:1: this does not belong to the list above (align it with the other `- ` items)
    "a: ]\n"
        f.yml:1:4: a bracket closes nothing (remove it, or put the text into quotes)
    "a: !x!y z\n"
        f.yml:1:4: the tag is not declared (remove the tag)
    "a: |x\n  b\n"
        f.yml:1:4: the text after `|` or `>` is not well formed (write `|` alone and indent the text below it)
    "%YAML 3\n---\na: 1\n"
        f.yml:1:1: the `%` line is not well formed (remove it)
    "a: |\n  x\n y\n"
        f.yml:3:2: this does not belong to the mapping above (align it with the other keys)
    "a: 1\n- b\n"
        f.yml:2:3: this does not belong to the mapping above (align it with the other keys)
    "a: &\n"
        f.yml:1:4: `&` or `*` has no name (put text that starts with it into quotes)
    "{{ .Values.x }}\n"
        f.yml:1:2: a list or mapping cannot be a key (put text that starts with `[` or `{` into quotes)
    "a: {{ x }}\n"
        f.yml:1:5: a: a list or mapping cannot be a key (put text that starts with `[` or `{` into quotes)
    "#);
}

/// Pieces that make grammatical trouble when put together.
fn yaml_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "a",
            "b: ",
            ": ",
            "- ",
            "? ",
            "\n",
            "\n  ",
            "\n    ",
            " ",
            "\t",
            "[",
            "]",
            "{",
            "}",
            ",",
            "&a ",
            "*a",
            "<<: ",
            "!!str ",
            "!!int ",
            "!x ",
            "!<",
            "| ",
            "|-\n",
            ">+2\n",
            "'",
            "\"",
            "\\x4",
            "#",
            "---\n",
            "...\n",
            "%TAG ! x\n",
            "%YAML 1.1\n",
            "1e3",
            "1:3",
            ".inf",
            "~",
            "é",
            "\u{feff}",
            "\r\n",
            "\0",
            "@",
            "`",
            "0x",
            "_",
            ".",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_read_or_refused_with_a_place(text in prop_oneof![any::<String>(), yaml_like()]) {
        for dialect in [Dialect::Config, Dialect::Values] {
            if let Err(problems) = parse_all(&text, "f.yml", dialect) {
                let first = problems.as_slice()[0].to_string();
                prop_assert!(first.starts_with("f.yml:"), "{}", first);
            }
        }
    }
}
