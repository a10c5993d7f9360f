//! The words of messages: what a schema expects, what a value is, which name was meant.

use serde_json::Value;

use crate::tree::Content;

/// What a value is, without showing text that may be secret.
pub(super) fn kind(content: &Content) -> &'static str {
    match content {
        Content::Null => "null",
        Content::Bool(_) => "a boolean",
        Content::Number(_) => "a number",
        Content::String(_) => "text",
        Content::List(_) => "a list",
        Content::Map(_) => "a mapping",
    }
}

/// A value as a message shows it: scalars themselves, collections by kind.
pub(super) fn shown(content: &Content) -> String {
    const LIMIT: usize = 60;
    match content {
        Content::Bool(value) => value.to_string(),
        Content::Number(value) => value.to_string(),
        Content::String(text) => {
            let cut: String = text.chars().take(LIMIT).flat_map(char::escape_debug).collect();
            let dots = if text.chars().nth(LIMIT).is_some() { "…" } else { "" };
            format!("`{cut}{dots}`")
        }
        Content::Null | Content::List(_) | Content::Map(_) => kind(content).to_owned(),
    }
}

/// A JSON Schema type in words.
pub(super) fn type_words(name: &str) -> &str {
    match name {
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "text",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a mapping",
        other => other,
    }
}

/// `a, b or c`; no word twice.
pub(super) fn alternatives(words: impl IntoIterator<Item = String>) -> String {
    let mut unique: Vec<String> = Vec::new();
    for word in words {
        if !unique.contains(&word) {
            unique.push(word);
        }
    }
    match unique.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// An allowed value as a message lists it: text bare unless it is empty, other values as JSON.
pub(super) fn allowed(value: &Value) -> String {
    value.as_str().filter(|text| !text.is_empty()).map_or_else(|| value.to_string(), str::to_owned)
}

/// `meaning: …` from the first sentence of the schema's description.
pub(super) fn meaning(schema: &Value) -> Option<String> {
    const LIMIT: usize = 100;
    let text = schema.get("description")?.as_str()?.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentence = text.split(". ").next().unwrap_or_default().trim_end_matches('.');
    if sentence.is_empty() || sentence.chars().count() > LIMIT {
        return None;
    }
    let mut chars = sentence.chars();
    let first = chars.next()?;
    let rest = chars.as_str();
    // `TTFT …` keeps its capitals, `Requests …` does not.
    let lower = rest.starts_with(|c: char| c.is_lowercase() || c == ' ');
    let first = if lower { first.to_lowercase().to_string() } else { first.to_string() };
    Some(format!("meaning: {first}{rest}"))
}

/// The name among `known` that `given` was probably meant to be.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(given);
    let limit = (given.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&folded, &fold(name)), name))
        // A name of one or two letters is near to everything.
        .filter(|&(distance, name)| distance <= limit && distance < name.chars().count())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

/// `numRequests`, `num-requests` and `num_requests` are one name to a user.
fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}
