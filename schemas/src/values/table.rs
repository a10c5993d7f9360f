//! The table of values in the chart's README, from the comments of its values.yaml.
//!
//! A comment that begins with `# --` describes the key below it; the lines of the comment after that belong to it.

use serde_json::Value;

/// First lines of the table; everything after them in the README is generated.
pub const HEAD: &str = "| key | default | meaning |\n|---|---|---|\n";

/// The README with the table that `values`, the text of values.yaml with the tree `defaults`, gives; `None` if the README
/// has no place for it.
pub fn readme(readme: &str, values: &str, defaults: &Value) -> Option<String> {
    let (before, _) = readme.split_once(HEAD)?;
    Some(format!("{before}{HEAD}{}", rows(values, defaults)))
}

fn rows(values: &str, defaults: &Value) -> String {
    let mut rows = String::new();
    let mut path: Vec<(usize, &str)> = Vec::new();
    let mut meaning: Option<String> = None;
    for line in values.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if let Some(first) = text.strip_prefix("# -- ") {
            meaning = Some(first.to_owned());
        } else if let Some(more) = text.strip_prefix("# ") {
            if let Some(meaning) = &mut meaning {
                meaning.extend([" ", more]);
            }
        } else if let Some((key, _)) =
            text.split_once(':').filter(|(key, _)| !key.starts_with(['-', '#', '"']))
        {
            path.retain(|(outer, _)| *outer < indent);
            path.push((indent, key));
            if let Some(meaning) = meaning.take() {
                let steps: Vec<&str> = path.iter().map(|(_, key)| *key).collect();
                rows.push_str(&row(&steps, &meaning, defaults));
            }
        } else {
            meaning = None;
        }
    }
    rows
}

fn row(path: &[&str], meaning: &str, defaults: &Value) -> String {
    let key = path.join(".");
    let default = match key.as_str() {
        "benchmark.builtinScenarios" => "as `scenarios`".to_owned(),
        "benchmark.scenarios" => "[above](#scenarios)".to_owned(),
        _ => format!("`{}`", spaced(path.iter().fold(defaults, |value, step| &value[*step]))),
    };
    format!("| `{key}` | {default} | {} |\n", meaning.replace('|', "\\|"))
}

/// A value as JSON on one line, with a blank after each comma and colon.
fn spaced(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), spaced(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_for_each_key_that_is_described() {
        let values = "# Not this.\na: 1\ngroup:\n  # -- What b is,\n  # in two lines.\n  b: [x, y]\n  # -- A map.\n  c:\n    d: true\n";
        let defaults = json!({"a": 1, "group": {"b": ["x", "y"], "c": {"d": true}}});
        let before = format!("# Title\n\n{HEAD}| old |\n");
        insta::assert_snapshot!(readme(&before, values, &defaults).unwrap(), @r#"
        # Title

        | key | default | meaning |
        |---|---|---|
        | `group.b` | `["x", "y"]` | What b is, in two lines. |
        | `group.c` | `{"d": true}` | A map. |
        "#);
        assert_eq!(readme("no table", values, &defaults), None);
    }
}
