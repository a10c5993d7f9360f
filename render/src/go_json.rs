//! JSON byte for byte as Helm's `toRawJson` writes it (Go's `encoding/json` without HTML escaping).
//!
//! The names of Job and ConfigMap end in a digest of this text, so chart and renderer must agree on every byte.
//! A template that passes through `fromYaml` knows numbers only as IEEE doubles; so does this writer.

use std::fmt::Write as _;

use serde_json::{Number, Value};
use sha2::{Digest as _, Sha256};

/// `value` as raw JSON: keys in byte order, no blanks, Go's number format.
pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value);
    out
}

/// The SHA-256 of [`to_string`] in lower-case hexadecimal.
pub fn sha256(value: &Value) -> String {
    sha256_of_text(&to_string(value))
}

/// The SHA-256 of a text in lower-case hexadecimal.
pub fn sha256_of_text(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::with_capacity(64), |mut hex, byte| {
        push(&mut hex, format_args!("{byte:02x}"));
        hex
    })
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(&format_number(number)),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            let mut keys: Vec<&String> = entries.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_string(out, key);
                out.push(':');
                write_value(out, &entries[key]);
            }
            out.push('}');
        }
    }
}

/// A double as Go prints it: shortest digits that read back, plain between 1e-6 and 1e21, else with exponent.
fn format_number(number: &Number) -> String {
    // A serde_json number without `arbitrary_precision` always has a double nearest to it.
    let double = number.as_f64().unwrap_or_default();
    let size = double.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{double:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            _ => text,
        };
    }
    double.to_string()
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                push(out, format_args!("\\u{:04x}", u32::from(c)));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Helm 4.2.3 prints for `{{ .Values | toRawJson }}`, in the cases that differ between JSON writers.
    const FROM_HELM: &str = concat!(
        r#"{"numbers":[0,-0,1,1.5,100000000000000000000,1e+21,1.5e+21,0.000001,1e-7,1.25e-7,123456789012345680000,"#,
        r#"9007199254740992,5e-324,1.7976931348623157e+308,0.1,-2.5,1000000],"#,
        r#""text":"<a> & 'b' \"c\" \\ / \b\f\n\r\t\u0001\u001f"#,
        "\u{7f}\u{80}",
        r#"\u2028\u2029é😀","z":{"1":"","B":{},"_":true,"a":[]},"é":1,"😀":2}"#
    );

    #[test]
    fn text_and_digest_are_those_of_helm() {
        let value: Value = serde_json::from_str(FROM_HELM).unwrap();
        assert_eq!(to_string(&value), FROM_HELM);
        assert_eq!(sha256(&value), "7c9ba6ed802d5b0667cc7dbfbc322ee894e7c594169e70d033f7eaa820007ed5");
    }

    #[test]
    fn keys_are_in_byte_order_and_integers_are_doubles() {
        let value = serde_json::json!({"b": 9_007_199_254_740_993_u64, "B": 1, "a.b": null});
        assert_eq!(to_string(&value), r#"{"B":1,"a.b":null,"b":9007199254740992}"#);
    }
}
