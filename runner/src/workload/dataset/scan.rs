//! Finds the objects of a file of JSON without reading it whole: one array of them, one on each line, or one after
//! another all look alike. It knows where an object begins and ends, not what is in it.

use std::io::{self, BufRead};

/// Longer objects are not taken: no request has such a prompt, and a missing bracket would fill the memory.
const MOST_BYTES: usize = 64 << 20;
/// What some editors put before the text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where an object begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    /// Bytes before it.
    pub(super) offset: u64,
    /// Its line, from 1.
    pub(super) line: u64,
}

/// What is wrong, and on which line, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: u64,
    pub(super) fault: String,
}

/// Goes through a file object by object.
#[derive(Debug)]
pub(super) struct Scanner<R> {
    reader: R,
    at: Place,
}

/// Where in an object the scanner is.
#[derive(Default)]
struct State {
    depth: u32,
    in_text: bool,
    escaped: bool,
}

impl<R: BufRead> Scanner<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, at: Place { offset: 0, line: 1 } }
    }

    /// Bytes that it has gone through.
    pub(super) fn offset(&self) -> u64 {
        self.at.offset
    }

    /// Puts the text of the next object into `object` and says where it begins; `None` at the end of the file.
    pub(super) fn next(&mut self, object: &mut Vec<u8>) -> Result<Option<Place>, Fault> {
        object.clear();
        let mut state = State::default();
        let mut begin = self.at;
        loop {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Fault { line: self.at.line, fault: error.to_string() }),
            };
            if buffer.is_empty() {
                let whole = state.depth == 0;
                let fault =
                    "the object that begins here has no end: the file is cut off, or a bracket is missing";
                return if whole {
                    Ok(None)
                } else {
                    Err(Fault { line: begin.line, fault: fault.to_owned() })
                };
            }
            let mut used = 0;
            if state.depth == 0 {
                used = between(buffer, &mut self.at)?;
                begin = Place { offset: self.at.offset + used as u64, ..self.at };
            }
            let start = used;
            let ended = used < buffer.len() && within(buffer, &mut used, &mut state, &mut self.at.line);
            object.extend_from_slice(&buffer[start..used]);
            self.at.offset += used as u64;
            self.reader.consume(used);
            if ended {
                return Ok(Some(begin));
            }
            if object.len() > MOST_BYTES {
                let fault = format!("the object that begins here has no end within {} MiB", MOST_BYTES >> 20);
                return Err(Fault { line: begin.line, fault });
            }
        }
    }
}

/// Skips what stands between objects; gives the number of bytes until the next one or the end of `buffer`.
fn between(buffer: &[u8], at: &mut Place) -> Result<usize, Fault> {
    let mark = if at.offset == 0 && buffer.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    for (position, &byte) in buffer.iter().enumerate().skip(mark) {
        match byte {
            b'{' => return Ok(position),
            b'\n' => at.line += 1,
            b' ' | b'\t' | b'\r' | b',' | b'[' | b']' => {}
            _ => {
                let shown = String::from_utf8_lossy(&buffer[position..buffer.len().min(position + 12)]);
                let shown = shown.lines().next().unwrap_or_default();
                let fault = format!("there must be an object in braces, not `{shown}`");
                return Err(Fault { line: at.line, fault });
            }
        }
    }
    Ok(buffer.len())
}

/// Goes on within an object until `buffer` or the object ends, and says whether it was the object.
fn within(buffer: &[u8], used: &mut usize, state: &mut State, line: &mut u64) -> bool {
    while let Some(&byte) = buffer.get(*used) {
        if state.in_text && !state.escaped && !matches!(byte, b'"' | b'\\' | b'\n') {
            // Most of a file is text.
            let rest = &buffer[*used..];
            *used += memchr::memchr3(b'"', b'\\', b'\n', rest).unwrap_or(rest.len());
            continue;
        }
        *used += 1;
        *line += u64::from(byte == b'\n');
        if state.in_text {
            let escaped = std::mem::replace(&mut state.escaped, false);
            match byte {
                b'\\' if !escaped => state.escaped = true,
                b'"' if !escaped => state.in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => state.in_text = true,
            b'{' | b'[' => state.depth += 1,
            b'}' | b']' => {
                state.depth -= 1;
                if state.depth == 0 {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn scan(text: &str, buffer: usize) -> Result<Vec<(String, Place)>, Fault> {
        let mut scanner = Scanner::new(BufReader::with_capacity(buffer, text.as_bytes()));
        let (mut object, mut found) = (Vec::new(), Vec::new());
        while let Some(place) = scanner.next(&mut object)? {
            found.push((String::from_utf8_lossy(&object).into_owned(), place));
        }
        assert_eq!(scanner.offset(), text.len() as u64);
        Ok(found)
    }

    #[test]
    fn arrays_lines_and_what_stands_side_by_side() {
        for text in [
            "[{\"a\": \"}\\\"\"},\n {\"b\": [{}]}]\n",
            "\u{feff}{\"a\": \"}\\\"\"}\r\n{\"b\": [{}]}",
            "\n{\"a\": \"}\\\"\"}\n\n{\"b\": [{}]}",
        ] {
            for buffer in [1, 2, 3, 1000] {
                let found = scan(text, buffer.max(if text.starts_with('\u{feff}') { 3 } else { 1 }));
                let found = found.expect("objects");
                let texts: Vec<_> = found.iter().map(|(text, _)| text.as_str()).collect();
                assert_eq!(texts, ["{\"a\": \"}\\\"\"}", "{\"b\": [{}]}"]);
                for (object, place) in found {
                    let offset = usize::try_from(place.offset).expect("small");
                    assert!(text[offset..].starts_with(&object));
                    assert_eq!(place.line, 1 + text[..offset].matches('\n').count() as u64);
                }
            }
        }
        assert_eq!(scan("[]\n", 9), Ok(Vec::new()));
    }

    #[test]
    fn faults_have_their_line() {
        let fault = |text: &str| scan(text, 99).map_err(|Fault { line, fault }| format!("{line}: {fault}"));
        insta::assert_snapshot!(fault("{}\n{}\noops\n").expect_err("text"), @"3: there must be an object in braces, not `oops`");
        insta::assert_snapshot!(fault("{}\n\n{\"a\": [1}\n{}\n").expect_err("a bracket"), @"3: the object that begins here has no end: the file is cut off, or a bracket is missing");
    }

    proptest! {
        #[test]
        fn every_object_is_found_as_it_was_written(
            texts in prop::collection::vec(any::<(String, bool)>(), 0..20), buffer in 3usize..50, layout in 0..3,
        ) {
            let values: Vec<Value> =
                texts.iter().map(|(text, nested)| if *nested { json!({text: [{"x": text}]}) } else { json!({"x": text}) }).collect();
            let file = match layout {
                0 => serde_json::to_string_pretty(&values).expect("text"),
                1 => values.iter().flat_map(|value| [value.to_string(), "\n".to_owned()]).collect(),
                _ => values.iter().map(Value::to_string).collect(),
            };
            let found = scan(&file, buffer).expect("objects");
            let read: Vec<Value> = found.iter().map(|(text, _)| serde_json::from_str(text).expect("JSON")).collect();
            prop_assert_eq!(read, values);
        }
    }
}
