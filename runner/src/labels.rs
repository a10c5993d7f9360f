//! Labels of failures, as upstream's reports group them. Pure functions of a failure, for whoever tells of it.
//!
//! One deviation: a time-out has the label `Timeout` whether its message says so or not (upstream calls a time-out
//! in mid-stream, whose message is empty, `timeouterror`).

use benchmark_schemas::record::Failure;
use serde_json::Value;

/// Text that a failure is shown with: `error.message` or `message` of a JSON body, else the message as it is.
pub fn shown_message(failure: &Failure) -> String {
    let body: Option<Value> = serde_json::from_str(&failure.message).ok();
    let text = body.as_ref().and_then(|body| {
        let nested = body.get("error").and_then(|error| error.get("message"));
        nested.or_else(|| body.get("message")).and_then(Value::as_str)
    });
    text.unwrap_or(&failure.message).to_owned()
}

/// Label of a failure whose shown message is `message`.
pub fn label(failure: &Failure, message: &str) -> String {
    let text = message.to_lowercase();
    let timed_out = text.contains("timeout") || text.contains("timed out");
    if let Some(code) = failure.error_type.strip_prefix("HTTP Error ") {
        let kind = match code {
            "429" => "Rate Limit",
            "500" => "Internal Server Error",
            "502" => "Bad Gateway",
            "503" => "Service Unavailable",
            "504" => "Gateway Timeout",
            _ if mentions_context_window(&text) => "Context Window",
            _ if mentions_invalid_json(&text) => "Invalid JSON",
            _ if timed_out => "Timeout",
            _ if text.contains("model not found") || text.contains("no such model") => "Model Not Found",
            _ => "other",
        };
        return format!("{code} - {kind}");
    }
    if timed_out || failure.error_type == "TimeoutError" {
        "Timeout".to_owned()
    } else if text.contains("connect") {
        "Connection Error".to_owned()
    } else {
        failure.error_type.to_lowercase()
    }
}

fn mentions_context_window(text: &str) -> bool {
    [
        ("context", "window"),
        ("context", "length"),
        ("maximum", "context"),
        ("max", "tokens"),
        ("token", "limit"),
    ]
    .iter()
    .any(|(first, second)| follows(text, first, second))
}

/// True if `text` holds `first` and `second` with at most one character between them.
fn follows(text: &str, first: &str, second: &str) -> bool {
    text.match_indices(first).any(|(at, _)| {
        let rest = &text[at + first.len()..];
        let mut next = rest.chars();
        next.next();
        rest.starts_with(second) || next.as_str().starts_with(second)
    })
}

fn mentions_invalid_json(text: &str) -> bool {
    const PHRASES: [&str; 7] = [
        "invalid json",
        "json parse",
        "malformed json",
        "unexpected token",
        "expecting value",
        "unterminated string",
        "expecting ',' delimiter",
    ];
    PHRASES.iter().any(|phrase| text.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(error_type: &str, message: &str) -> Failure {
        Failure { error_type: error_type.to_owned(), message: message.to_owned() }
    }

    fn labelled(error_type: &str, message: &str) -> String {
        let failure = failure(error_type, message);
        label(&failure, &shown_message(&failure))
    }

    #[test]
    fn labels() {
        let cases = [
            ("HTTP Error 429", "slow down", "429 - Rate Limit"),
            ("HTTP Error 500", "", "500 - Internal Server Error"),
            ("HTTP Error 502", "x", "502 - Bad Gateway"),
            ("HTTP Error 503", "maximum context length", "503 - Service Unavailable"),
            ("HTTP Error 504", "x", "504 - Gateway Timeout"),
            ("HTTP Error 400", "This exceeds the Maximum-Context size", "400 - Context Window"),
            ("HTTP Error 400", "max_tokens is too large", "400 - Context Window"),
            ("HTTP Error 400", "maxtokens", "400 - Context Window"),
            ("HTTP Error 400", "max of tokens", "400 - other"),
            ("HTTP Error 422", "Expecting ',' delimiter: line 1", "422 - Invalid JSON"),
            ("HTTP Error 408", "request timed out", "408 - Timeout"),
            ("HTTP Error 404", r#"{"error": {"message": "No such model: x"}}"#, "404 - Model Not Found"),
            ("HTTP Error 404", "nothing here", "404 - other"),
            ("TimeoutError", "Request timed out", "Timeout"),
            ("TimeoutError", "", "Timeout"),
            ("ConnectionTimeoutError", "Connection timeout to host http://x", "Timeout"),
            ("ClientConnectorError", "Cannot connect to host x:1", "Connection Error"),
            ("ServerDisconnectedError", "Server disconnected", "Connection Error"),
            ("ClientPayloadError", "Response payload is not completed", "clientpayloaderror"),
        ];
        for (error_type, message, expected) in cases {
            assert_eq!(labelled(error_type, message), expected, "{error_type}: {message}");
        }
    }

    #[test]
    fn message_is_taken_out_of_json() {
        let shown = |message: &str| shown_message(&failure("HTTP Error 400", message));
        assert_eq!(shown(r#"{"error": {"message": "busy", "code": 1}, "message": "outer"}"#), "busy");
        assert_eq!(shown(r#"{"message": "outer"}"#), "outer");
        assert_eq!(shown(r#"{"error": "text"}"#), r#"{"error": "text"}"#);
        assert_eq!(shown("plain"), "plain");
    }
}
