//! The template engine: minijinja with the embedded templates and our serialisers.
//!
//! Nothing reaches YAML but through a serialiser: `{{ value }}` prints JSON on one line, `block` prints block style, so no
//! text can change the structure. What is undefined is an error. The notes, which are no YAML, hold texts as they are.

use std::fmt::Write as _;

use benchmark_schemas::yaml;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use serde::Serialize;
use serde_json::Value as Json;

/// Templates of objects by the name of the chart's template, with their source, in order of the names.
const SOURCES: [(&str, &str); 10] = [
    ("templates/configmap.yaml", include_str!("../templates/configmap.yaml.j2")),
    ("templates/dashboard.yaml", include_str!("../templates/dashboard.yaml.j2")),
    ("templates/extra-objects.yaml", include_str!("../templates/extra-objects.yaml.j2")),
    ("templates/job.yaml", include_str!("../templates/job.yaml.j2")),
    ("templates/persistentvolumeclaim.yaml", include_str!("../templates/persistentvolumeclaim.yaml.j2")),
    ("templates/podmonitor.yaml", include_str!("../templates/podmonitor.yaml.j2")),
    ("templates/serviceaccount.yaml", include_str!("../templates/serviceaccount.yaml.j2")),
    ("templates/simulator-deployment.yaml", include_str!("../templates/simulator-deployment.yaml.j2")),
    ("templates/simulator-service.yaml", include_str!("../templates/simulator-service.yaml.j2")),
    ("templates/test.yaml", include_str!("../templates/test.yaml.j2")),
];

/// Names of the templates of objects, in order.
pub(crate) fn objects() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().map(|(name, _)| *name)
}

/// The pod's template, part of the Job's.
pub(crate) const POD: &str = "_pod";

/// The notes: text for people.
pub(crate) const NOTES: &str = "NOTES.txt";

/// Templates with filters, ready to render.
pub(crate) struct Engine {
    environment: Environment<'static>,
}

impl Engine {
    pub(crate) fn new() -> Result<Self, Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(
            |name| {
                if name == NOTES { AutoEscape::None } else { AutoEscape::Json }
            },
        );
        environment.set_formatter(write);
        environment.add_filter("block", block);
        environment.add_filter("indented", indented);
        environment.add_template(POD, include_str!("../templates/_pod.j2"))?;
        environment.add_template(NOTES, include_str!("../templates/NOTES.txt.j2"))?;
        for (name, source) in SOURCES {
            environment.add_template(name, source)?;
        }
        Ok(Self { environment })
    }

    /// Renders a template without blank lines around; nothing if the template leaves its object out.
    pub(crate) fn render(&self, template: &str, model: impl Serialize) -> Result<String, Error> {
        let mut model = serde_json::to_value(model)
            .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?;
        // Helm's order of keys, whatever order the engine's own mappings are built to keep.
        model.sort_all_objects();
        let text = self.environment.get_template(template)?.render(Value::from(Serde(model)))?;
        Ok(text.trim_matches('\n').to_owned())
    }
}

/// Prints a value: as it is in the notes, as JSON elsewhere.
fn write(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Error::new(ErrorKind::UndefinedError, "a template prints what is not there"));
    }
    if matches!(state.auto_escape(), AutoEscape::None) {
        return write!(out, "{value}").map_err(Error::from);
    }
    write_json(out, value)
}

/// Writes a value as JSON that is YAML too: what YAML does not print is escaped.
fn write_json(out: &mut Output<'_>, value: &Value) -> Result<(), Error> {
    if let (true, Some(text)) = (value.is_safe(), value.as_str()) {
        return out.write_str(text).map_err(Error::from);
    }
    let json = serde_json::to_string(value)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, "a value is not JSON").with_source(error))?;
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                write!(out, "\\u{:04x}", u32::from(c))?;
            }
            _ => out.write_char(c)?,
        }
    }
    Ok(())
}

/// A value in block style whose first line stands where the template says and the others at `indent`.
fn block(Serde(mut value): Serde<Json>, indent: usize) -> Value {
    value.sort_all_objects();
    let text = yaml::emit(&value);
    indented(text.strip_suffix('\n').unwrap_or(&text), indent)
}

/// Lines of YAML at `indent`, the first where the template says.
fn indented(text: &str, indent: usize) -> Value {
    let mut lines = text.split('\n');
    let mut out = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        out.push('\n');
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', indent));
        }
        out.push_str(line);
    }
    Value::from_safe_string(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(source: &str, context: Json) -> Result<String, Error> {
        let mut engine = Engine::new().unwrap();
        engine.environment.add_template_owned("test", source.to_owned()).unwrap();
        engine.render("test", context)
    }

    #[test]
    fn scalars_are_quoted_and_typed() {
        let context =
            json!({"a": "yes", "b": true, "c": 1_000_000, "d": "a: b\n- x", "e": null, "f": "\u{7f}\u{85}"});
        insta::assert_snapshot!(
            render("{{ a }} {{ b }} {{ c }} {{ d }} {{ e }} {{ f }}", context).unwrap(),
            @r#""yes" true 1000000 "a: b\n- x" null "\u007f\u0085""#
        );
    }

    #[test]
    fn what_is_undefined_is_an_error() {
        assert!(render("{{ nothing }}", json!({})).is_err());
        assert!(render("{{ a.nothing }}", json!({"a": {}})).is_err());
        assert!(render("{% if nothing %}{% endif %}", json!({})).is_err());
    }

    #[test]
    fn blocks_stand_at_their_indentation() {
        let context = json!({"a": {"x": "1", "y": {"z": [1, "two"]}, "text": "a\n\nb\n"}});
        insta::assert_snapshot!(render("a:\n  {{ a | block(2) }}", context).unwrap(), @r#"
        a:
          text: |
            a

            b
          x: "1"
          "y":
            z:
            - 1
            - two
        "#);
    }
}
