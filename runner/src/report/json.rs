//! JSON as Python's `json.dumps` writes it, which upstream's report files are made with.
//!
//! ASCII only, floats as Python's `repr` has them (`11.0`, `1e-05`), keys in order; indented by two, or on one line with
//! `", "` and `": "`.

use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

/// How JSON is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One value a line, indented by two spaces a level.
    Indented,
    /// All on one line.
    Compact,
}

/// Writes `value` to `out` without a newline at the end, as part of a text that is `level` levels deep already.
pub fn write(value: &Value, layout: Layout, level: usize, out: &mut dyn io::Write) -> io::Result<()> {
    let formatter = PythonFormatter { layout, level, has_value: false };
    value.serialize(&mut Serializer::with_formatter(out, formatter)).map_err(io::Error::from)
}

/// `value` as text.
pub fn to_string(value: &Value, layout: Layout) -> String {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail, and the text is ASCII.
    match write(value, layout, 0, &mut bytes) {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => error.to_string(),
    }
}

/// Newline and indentation before the next value of an array or object, and the comma after the last one.
pub fn separator(layout: Layout, level: usize, first: bool, out: &mut dyn io::Write) -> io::Result<()> {
    match (layout, first) {
        (Layout::Compact, true) => Ok(()),
        (Layout::Compact, false) => out.write_all(b", "),
        (Layout::Indented, first) => {
            out.write_all(if first { b"\n" } else { b",\n" })?;
            (0..level).try_for_each(|_| out.write_all(b"  "))
        }
    }
}

/// A float as Python's `repr` writes it. JSON has no other numbers than finite ones.
fn python_float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        return format!("{value:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

struct PythonFormatter {
    layout: Layout,
    level: usize,
    has_value: bool,
}

impl PythonFormatter {
    fn begin<W: ?Sized + io::Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.level += 1;
        self.has_value = false;
        writer.write_all(bracket)
    }

    fn end<W: ?Sized + io::Write>(&mut self, mut writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.level -= 1;
        if self.has_value && self.layout == Layout::Indented {
            separator(self.layout, self.level, true, &mut writer)?;
        }
        writer.write_all(bracket)
    }
}

impl Formatter for PythonFormatter {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(python_float(value).as_bytes())
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c: char| !c.is_ascii() || c == '\u{7f}') {
            let (plain, tail) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = tail.chars();
            if let Some(c) = chars.next() {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin(writer, b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        mut writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        separator(self.layout, self.level, first, &mut writer)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin(writer, b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, mut writer: &mut W, first: bool) -> io::Result<()> {
        separator(self.layout, self.level, first, &mut writer)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn looks_as_python_writes_it() {
        let value = json!({"a": [1, 2.0, 0.1], "e": {}, "l": [], "n": null, "t": "é😀\u{7f}\n\"\u{1}", "s": 1e-5, "b": 1e16, "x": 0.0001});
        // print(json.dumps(value)) and print(json.dumps(value, indent=2)) of Python 3.
        assert_eq!(
            to_string(&value, Layout::Compact),
            r#"{"a": [1, 2.0, 0.1], "e": {}, "l": [], "n": null, "t": "\u00e9\ud83d\ude00\u007f\n\"\u0001", "s": 1e-05, "b": 1e+16, "x": 0.0001}"#
        );
        let small = json!({"a": [1, {"b": 2.5}], "e": {}, "l": []});
        assert_eq!(
            to_string(&small, Layout::Indented),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2.5\n    }\n  ],\n  \"e\": {},\n  \"l\": []\n}"
        );
    }

    proptest! {
        #[test]
        fn both_layouts_read_back_as_what_was_written(number in any::<f64>(), text in any::<String>(), count in any::<u64>()) {
            prop_assume!(number.is_finite());
            let value = json!({"number": number, text.clone(): [text, count, number]});
            for layout in [Layout::Compact, Layout::Indented] {
                let written = to_string(&value, layout);
                prop_assert!(written.is_ascii());
                prop_assert_eq!(&serde_json::from_str::<Value>(&written).expect("it is JSON"), &value);
            }
        }
    }
}
