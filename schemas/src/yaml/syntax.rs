//! Faults of the text itself: characters that YAML does not take, and the grammar's errors in this project's words.

use std::sync::Arc;

use saphyr_parser::{Marker, ScanError, Span};

use crate::problem::{Origin, Problem};

/// The place of `marker` in `file`.
pub(super) fn place(file: &Arc<str>, marker: &Marker) -> Origin {
    let count = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Origin::File {
        file: Arc::clone(file),
        line: count(marker.line().max(1)),
        column: count(marker.col()).saturating_add(1),
    }
}

/// Refuses the first character of `text` that a YAML 1.1 reader refuses, or that the two dialects and the parser read
/// differently: line breaks beyond ASCII, byte order marks inside the text.
pub(super) fn check_characters(text: &str, file: &Arc<str>) -> Result<(), Problem> {
    let Some((index, found)) = text.char_indices().find(|&(_, c)| !is_plain_printable(c)) else {
        return Ok(());
    };
    let before = &text[..index];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let count = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).saturating_add(1);
    let origin = Origin::File {
        file: Arc::clone(file),
        line: count(before.matches('\n').count()),
        column: count(before[line_start..].chars().count()),
    };
    let code = u32::from(found);
    let kind =
        if matches!(found, '\u{85}' | '\u{2028}' | '\u{2029}') { "line break" } else { "control character" };
    Err(Problem::new(
        origin,
        "",
        format!("unexpected {kind} U+{code:04X}"),
        format!("remove it, or write \"\\u{code:04x}\" in double quotes"),
    ))
}

/// Printable for YAML 1.1, no line break but LF and CR, and no byte order mark.
pub(super) fn is_plain_printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Longest key that YAML 1.1 readers look for its `:` behind, characters.
const LONGEST_KEY: usize = 1024;

/// A text by the characters that the parser counts. Asked in ascending order, all answers together take one walk.
pub(super) struct Cursor<'t> {
    text: &'t str,
    index: usize,
    byte: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, index: 0, byte: 0 }
    }

    /// Byte at which character `index` begins.
    fn byte_of(&mut self, index: usize) -> usize {
        if index < self.index {
            (self.index, self.byte) = (0, 0);
        }
        let rest = &self.text[self.byte..];
        let ahead = rest.char_indices().nth(index - self.index).map_or(rest.len(), |(byte, _)| byte);
        (self.index, self.byte) = (index, self.byte + ahead);
        self.byte
    }

    /// Whether `span` is a key that YAML 1.1 readers do not find, though the parser does within braces: too long, or on
    /// more than one line, without a `?` before it.
    pub(super) fn is_overlong_key(&mut self, span: &Span) -> bool {
        if span.start.line() == span.end.line() && span.len() <= LONGEST_KEY {
            return false;
        }
        let explicit = self.byte_of(span.start.index());
        let explicit = self.text[..explicit].trim_end().ends_with('?');
        let end = self.byte_of(span.end.index());
        !explicit && self.text[end..].trim_start().starts_with(':')
    }
}

/// `error` with a remedy. The parser's own wording is kept only where nothing better is known.
pub(super) fn describe(error: &ScanError, file: &Arc<str>) -> Problem {
    let info = error.info();
    let (fault, remedy) = TABLE.iter().find(|(part, _, _)| info.contains(part)).map_or_else(
        || (format!("not valid YAML: {info}"), ""),
        |&(_, fault, remedy)| (fault.to_owned(), remedy),
    );
    Problem::new(place(file, error.marker()), "", fault, remedy)
}

/// Part of the parser's message, the fault, the remedy. The first match counts.
const TABLE: &[(&str, &str, &str)] = &[
    (
        "indentation in quoted",
        "the quoted text is not closed, or its next line is not indented",
        "add the closing quote",
    ),
    ("tab", "a tab stands where spaces are needed", "indent with spaces"),
    (
        "mapping values are not allowed",
        "`:` is not expected here",
        "put text that contains `: ` into quotes, or start a new line",
    ),
    ("illegal placement of ':'", "`:` is not expected here", "put text that contains `:` into quotes"),
    (
        "simple key expect",
        "the line before this place has a key without `:`",
        "add `:` after the key, or mend the indentation",
    ),
    (
        "did not find expected key",
        "this does not belong to the mapping above",
        "align it with the other keys",
    ),
    (
        "mapping keys are not allowed",
        "`?` is not expected here",
        "put text that starts with `? ` into quotes",
    ),
    (
        "block sequence entries are not allowed",
        "`- ` is not expected here",
        "start the list on a line of its own, or put the text into quotes",
    ),
    (
        "did not find expected '-'",
        "this does not belong to the list above",
        "align it with the other `- ` items",
    ),
    ("'-' must be followed", "`-` needs a space after it", "write `- item`"),
    ("flow mapping, did not find", "`{` is not closed", "add `,` between the entries and `}` at the end"),
    ("flow sequence, expected", "`[` is not closed", "add `,` between the items and `]` at the end"),
    ("misplaced bracket", "a bracket closes nothing", "remove it, or put the text into quotes"),
    ("unexpected end of stream", "the quoted text is not closed", "add the closing quote"),
    ("unexpected document indicator", "the quoted text is not closed before `---`", "add the closing quote"),
    (
        "trailing content after double-quoted",
        "text follows the closing quote",
        "escape quotes inside the text as `\\\"`",
    ),
    (
        "unknown escape character",
        "unknown escape after `\\`",
        "write `\\\\` for a backslash, or use single quotes",
    ),
    (
        "hexadecimal number",
        "incomplete escape after `\\`",
        "write `\\\\` for a backslash, or use single quotes",
    ),
    ("Unicode character escape", "the escape names no character", "write a valid code"),
    (
        "unknown anchor",
        "this `*` alias names no anchor above",
        "define it with `&name`, or put text that starts with `*` into quotes",
    ),
    ("anchor or alias", "`&` or `*` has no name", "put text that starts with it into quotes"),
    (
        "expected node content",
        "a value is missing or starts with a reserved character",
        "put the text into quotes",
    ),
    ("unexpected character", "a value cannot start with this character", "put the text into quotes"),
    ("indentation", "the indentation does not fit the lines above", "align it with its siblings"),
    ("wrongly indented line", "the indentation does not fit the lines above", "align it with its siblings"),
    (
        "block scalar",
        "the text after `|` or `>` is not well formed",
        "write `|` alone and indent the text below it",
    ),
    ("handle wasn't declared", "the tag is not declared", "remove the tag"),
    ("TAG directive", "the `%TAG` line is not well formed", "remove it"),
    ("directive", "the `%` line is not well formed", "remove it"),
    ("tag", "the tag is not well formed", "remove the tag, or put text that starts with `!` into quotes"),
    ("document", "unexpected content between two documents", "keep one document"),
    ("recursion limit", "nested too deeply", "nest less"),
    ("comment intercepting", "a comment splits a text of several lines", "move the comment"),
    ("unexpected eof", "the document ends in the middle of a value", "complete it"),
];
