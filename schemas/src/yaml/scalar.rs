//! What a scalar means: the parts of it that both dialects share.

use serde_json::Number;

use super::{Dialect, config_scalar, values_scalar};

/// The meaning of a scalar.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Number(Number),
    /// Text, as written.
    Text,
}

/// Why a scalar is refused. Text that may be secret is not repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) fault: String,
    pub(super) remedy: &'static str,
}

impl Fault {
    pub(super) fn new(fault: impl Into<String>, remedy: &'static str) -> Self {
        Self { fault: fault.into(), remedy }
    }

    /// JSON, and with it everything behind the parser, has no infinity and no NaN.
    pub(super) fn not_finite(text: &str) -> Self {
        Self::new(format!("{} is not a finite number", excerpt(text)), "write a finite number")
    }

    /// The integer exists in Python but in no 64-bit type. It is not shown: it may be a key made of digits.
    pub(super) fn too_large() -> Self {
        let remedy = "write a smaller number, or put it into quotes if it is text";
        Self::new("this integer does not fit into 64 bits", remedy)
    }
}

/// Meaning of a scalar without tag that is not quoted.
pub(super) fn resolve_plain(text: &str, dialect: Dialect) -> Result<Scalar, Fault> {
    match dialect {
        Dialect::Config => config_scalar::resolve(text),
        Dialect::Values => values_scalar::resolve(text),
    }
}

/// Meaning of a scalar with the tag `tag` (in full, `tag:yaml.org,2002:int` or `!x`).
pub(super) fn resolve_tagged(text: &str, tag: &str, plain: bool, dialect: Dialect) -> Result<Scalar, Fault> {
    match dialect {
        Dialect::Config => config_scalar::resolve_tagged(text, tag),
        Dialect::Values => values_scalar::resolve_tagged(text, tag, plain),
    }
}

/// A sign, and what follows it.
pub(super) fn split_sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// `magnitude` with its sign as a JSON number, if 64 bits hold it.
pub(super) fn integer(negative: bool, magnitude: u64) -> Option<Number> {
    if negative {
        let value = i64::try_from(-i128::from(magnitude)).ok()?;
        Some(Number::from(value))
    } else {
        Some(Number::from(magnitude))
    }
}

/// True for one or more bytes that all satisfy `accept`.
pub(super) fn all(text: &str, accept: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(accept)
}

/// True for nothing, or for an exponent `e`, sign, digits; the sign may be left out if `sign_optional`.
pub(super) fn is_exponent_or_empty(text: &str, sign_optional: bool) -> bool {
    let Some(rest) = text.strip_prefix(['e', 'E']) else { return text.is_empty() };
    let signed = rest.strip_prefix(['+', '-']);
    match signed {
        Some(digits) => all(digits, |byte| byte.is_ascii_digit()),
        None => sign_optional && all(rest, |byte| byte.is_ascii_digit()),
    }
}

/// `text` in backquotes, cut if long, control characters escaped.
pub(super) fn excerpt(text: &str) -> String {
    const LIMIT: usize = 40;
    let cut: String = text.chars().take(LIMIT).flat_map(char::escape_debug).collect();
    let dots = if text.chars().nth(LIMIT).is_some() { "…" } else { "" };
    format!("`{cut}{dots}`")
}
