//! JSON as Python's `json.dumps` writes it. It knows nothing of templates.

use std::fmt::Write as _;

use serde_json::Value;

/// How JSON is written.
#[derive(Debug, Default)]
pub(super) struct Style {
    /// Characters beyond ASCII are escaped.
    pub(super) ascii: bool,
    /// Each item on a line of its own, by so many spaces further in.
    pub(super) indent: Option<usize>,
    /// Between items, and between a key and its value; Python's own if `None`.
    pub(super) separators: Option<[String; 2]>,
    /// Keys in their order instead of that in which they were written.
    pub(super) sorted: bool,
}

/// The text of `value`.
pub(super) fn dumps(value: &Value, style: &Style) -> String {
    let between = if style.indent.is_some() { "," } else { ", " };
    let [items, keys] = style.separators.clone().unwrap_or_else(|| [between.to_owned(), ": ".to_owned()]);
    let mut writer = Writer { style, items, keys, text: String::new() };
    writer.value(value, 0);
    writer.text
}

struct Writer<'a> {
    style: &'a Style,
    items: String,
    keys: String,
    text: String,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Null | Value::Bool(_) => self.show(value),
            Value::Number(number) if number.is_f64() => self.float(number.as_f64().unwrap_or_default()),
            Value::Number(number) => self.show(number),
            Value::String(text) => self.string(text),
            Value::Array(list) => {
                self.items(['[', ']'], list, depth, |writer, item| writer.value(item, depth + 1));
            }
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                if self.style.sorted {
                    members.sort_by_key(|(key, _)| *key);
                }
                self.items(['{', '}'], &members, depth, |writer, (key, member)| {
                    writer.string(key);
                    let between = writer.keys.clone();
                    writer.text.push_str(&between);
                    writer.value(member, depth + 1);
                });
            }
        }
    }

    fn items<T>(
        &mut self,
        [open, close]: [char; 2],
        items: &[T],
        depth: usize,
        write: impl Fn(&mut Self, &T),
    ) {
        self.text.push(open);
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                let between = self.items.clone();
                self.text.push_str(&between);
            }
            self.line(depth + 1);
            write(self, item);
        }
        if !items.is_empty() {
            self.line(depth);
        }
        self.text.push(close);
    }

    /// Begins a line, if each item has its own.
    fn line(&mut self, depth: usize) {
        if let Some(indent) = self.style.indent {
            self.text.push('\n');
            self.text.extend(std::iter::repeat_n(' ', indent * depth));
        }
    }

    /// As Python shows it: the shortest digits that give the number back, an exponent from 1e16 on and below 1e-4.
    fn float(&mut self, number: f64) {
        let size = number.abs();
        if size != 0.0 && !(1e-4..1e16).contains(&size) {
            let text = format!("{number:e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            let _ = write!(self.text, "{digits}e{sign}{exponent:0>2}");
        } else {
            let _ = write!(self.text, "{number:?}");
        }
    }

    fn show(&mut self, value: impl std::fmt::Display) {
        // Writing to memory cannot fail.
        let _ = write!(self.text, "{value}");
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for character in text.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                c if c < ' ' || (self.style.ascii && c > '~') => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        let _ = write!(self.text, "\\u{unit:04x}");
                    }
                }
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_pythons() {
        // Each expected text is what Python 3.11's json.dumps gives, with ensure_ascii=False unless said otherwise.
        let value = json!({"b": [1, 2.0, 1e16, 1e-5, -0.5, 123_456_789.25], "a": "é\"\u{1}<\u{7f}", "e": [], "o": {}, "n": null});
        let expected = "{\"b\": [1, 2.0, 1e+16, 1e-05, -0.5, 123456789.25], \"a\": \"é\\\"\\u0001<\u{7f}\", \"e\": [], \"o\": {}, \"n\": null}";
        assert_eq!(dumps(&value, &Style::default()), expected);
        let style = Style {
            ascii: true,
            sorted: true,
            separators: Some([",".to_owned(), ":".to_owned()]),
            ..Style::default()
        };
        insta::assert_snapshot!(dumps(&json!({"b": "😀", "a": true}), &style), @r#"{"a":true,"b":"\ud83d\ude00"}"#);
        let style = Style { indent: Some(2), ..Style::default() };
        insta::assert_snapshot!(dumps(&json!({"b": [1, {"c": 2}], "e": []}), &style), @r#"
        {
          "b": [
            1,
            {
              "c": 2
            }
          ],
          "e": []
        }
        "#);
    }
}
