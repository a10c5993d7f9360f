//! The writer: block style, keys in their order, text that both dialects read back as it was.

use std::fmt::Write as _;

use serde_json::{Number, Value};

use super::scalar::{Scalar, resolve_plain};
use super::{Dialect, syntax};

/// YAML 1.1 readers look this many characters ahead for the `:` of a key, minus some room for quotes.
const LONGEST_SIMPLE_KEY: usize = 1000;

/// Writes `value` as one YAML document that ends with a newline.
///
/// Lists are not indented under their key, as in Helm's `toYaml`. Text is plain only where both dialects read it back
/// as the same text, else double-quoted; text of several lines is a `|` literal where that keeps every character.
/// Integers are written as integers, floats always with a point (and PyYAML's signed exponent).
#[must_use]
pub fn emit(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(entries) if !entries.is_empty() => write_map(&mut out, entries, 0, false),
        Value::Array(items) if !items.is_empty() => write_list(&mut out, items, 0, false),
        scalar => {
            write_scalar(&mut out, scalar, 2);
            out.push('\n');
        }
    }
    out
}

/// Writes the entries at `indent`; the first without indentation if the line has begun (`- key: value`).
fn write_map(out: &mut String, entries: &serde_json::Map<String, Value>, indent: usize, mut begun: bool) {
    for (key, value) in entries {
        start_line(out, indent, &mut begun);
        let key = text(key);
        if key.len() <= LONGEST_SIMPLE_KEY {
            out.push_str(&key);
            out.push(':');
            write_value(out, value, indent);
        } else {
            let _ = write!(out, "? {key}\n{:indent$}:", "");
            write_value_below(out, value, indent + 2);
        }
    }
}

/// The value after `key:`; a list stands at the indentation of its key.
fn write_value(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            out.push('\n');
            write_map(out, entries, indent + 2, false);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            write_list(out, items, indent, false);
        }
        scalar => {
            out.push(' ');
            write_scalar(out, scalar, indent + 2);
            out.push('\n');
        }
    }
}

/// The value after the `:` of an explicit key, where readers differ on lists that are not indented.
fn write_value_below(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            write_list(out, items, indent, false);
        }
        other => write_value(out, other, indent - 2),
    }
}

fn write_list(out: &mut String, items: &[Value], indent: usize, mut begun: bool) {
    for item in items {
        start_line(out, indent, &mut begun);
        out.push_str("- ");
        match item {
            Value::Object(entries) if !entries.is_empty() => write_map(out, entries, indent + 2, true),
            Value::Array(items) if !items.is_empty() => write_list(out, items, indent + 2, true),
            scalar => {
                write_scalar(out, scalar, indent + 2);
                out.push('\n');
            }
        }
    }
}

fn start_line(out: &mut String, indent: usize, begun: &mut bool) {
    if !std::mem::take(begun) {
        let _ = write!(out, "{:indent$}", "");
    }
}

/// Writes a scalar or an empty collection, without newline at the end; lines of a literal stand at `indent`.
fn write_scalar(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number_text(number)),
        Value::String(content) if is_literal(content) => write_literal(out, content, indent),
        Value::String(content) => out.push_str(&text(content)),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

/// PyYAML takes a number for a float only with a point, and an exponent only with a sign.
fn number_text(number: &Number) -> String {
    let plain = number.to_string();
    if !number.is_f64() {
        return plain;
    }
    let (mantissa, exponent) =
        plain.split_once(['e', 'E']).map_or((plain.as_str(), None), |(m, e)| (m, Some(e)));
    let point = if mantissa.contains('.') { "" } else { ".0" };
    match exponent {
        None => format!("{mantissa}{point}"),
        Some(exponent) => {
            let sign = if exponent.starts_with(['-', '+']) { "" } else { "+" };
            format!("{mantissa}{point}e{sign}{exponent}")
        }
    }
}

/// Text on one line: plain if no reader can take it for anything else, else double-quoted.
fn text(content: &str) -> String {
    if is_plain(content) { content.to_owned() } else { quoted(content) }
}

fn is_plain(content: &str) -> bool {
    let starts_well = content.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_'));
    let ends_well = !content.ends_with([' ', ':']);
    let harmless = |c: char| c.is_alphanumeric() || " /._-+@:=()~^;$".contains(c);
    let is_text = |dialect| matches!(resolve_plain(content, dialect), Ok(Scalar::Text));
    starts_well
        && ends_well
        && content.chars().all(|c| harmless(c) && syntax::is_plain_printable(c))
        && !content.contains(": ")
        && !content.starts_with("...")
        && !is_date(content)
        && is_text(Dialect::Config)
        && is_text(Dialect::Values)
}

/// True for what may be a date: PyYAML makes one of it, though our reading of its dialect does not.
fn is_date(content: &str) -> bool {
    let start = content.as_bytes();
    start.len() > 5 && start[..4].iter().chain(&start[5..6]).all(u8::is_ascii_digit) && start[4] == b'-'
}

fn quoted(content: &str) -> String {
    let mut out = String::with_capacity(content.len() + 2);
    out.push('"');
    for c in content.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if syntax::is_plain_printable(c) => out.push(c),
            c => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

/// True if a `|` literal keeps `content`: several lines, the first of them sets the indentation, no line of blanks.
fn is_literal(content: &str) -> bool {
    let mut lines = content.lines();
    content.contains('\n')
        && lines.next().is_some_and(|first| !first.is_empty() && !first.starts_with([' ', '\t']))
        && content.chars().all(|c| syntax::is_plain_printable(c) && c != '\r')
        && content.split('\n').all(|line| line.is_empty() || !line.trim_matches([' ', '\t']).is_empty())
}

/// Writes `content` as a literal, without the newline that ends its last line.
fn write_literal(out: &mut String, content: &str, indent: usize) {
    let body = content.trim_end_matches('\n');
    out.push_str(match content.len() - body.len() {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            let _ = write!(out, "{:indent$}{line}", "");
        }
    }
    // The caller ends the last line: one newline of `content` is its, the others are empty lines that `|+` keeps.
    for _ in 1..content.len() - body.len() {
        out.push('\n');
    }
}
