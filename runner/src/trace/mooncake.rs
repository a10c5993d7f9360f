//! Lines of Mooncake's traces: `{"timestamp": milliseconds, "input_length": tokens, "output_length": tokens, …}`.

use serde::Deserialize;
use serde_json::Value;

use super::{Line, Row};

/// What is read of a line; the rest, such as the long lists of `hash_ids`, is passed over.
#[derive(Debug, Deserialize)]
struct Request {
    /// Milliseconds.
    #[serde(default)]
    timestamp: Value,
    #[serde(default)]
    input_length: Value,
    #[serde(default)]
    output_length: Value,
}

/// What `text` is.
pub(super) fn line(text: &str) -> Line {
    row(text).map_or_else(Line::Bad, Line::Row)
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
fn row(text: &str) -> Result<Row, String> {
    // The fields of an array would be taken in order.
    let object = text.trim_start().starts_with('{').then(|| serde_json::from_str::<Request>(text).ok());
    let request = object.flatten().ok_or_else(|| "it is no JSON object".to_owned())?;
    let milliseconds = request.timestamp.as_f64().ok_or_else(|| "timestamp is no number".to_owned())?;
    let at = (milliseconds * 1e6).round() as i128;
    let input = tokens(&request.input_length, "input_length")?;
    Ok(Row { at, input, output: tokens(&request.output_length, "output_length")? })
}

fn tokens(count: &Value, key: &str) -> Result<u32, String> {
    let tokens = count.as_u64().and_then(|count| u32::try_from(count).ok());
    tokens.ok_or_else(|| format!("{key} is no number of tokens"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_name_the_key() {
        let fault = |text| row(text).expect_err("no row");
        assert_eq!(fault("x"), "it is no JSON object");
        assert_eq!(fault("[1, 2, 3]"), "it is no JSON object");
        assert_eq!(fault("{}"), "timestamp is no number");
        assert_eq!(fault(r#"{"timestamp": 1, "input_length": -1}"#), "input_length is no number of tokens");
        assert_eq!(fault(r#"{"timestamp": 1, "input_length": 1}"#), "output_length is no number of tokens");
    }
}
