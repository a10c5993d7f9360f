//! Lines of the Azure public dataset: `YYYY-MM-DD HH:MM:SS[.fraction],input,output`, further columns ignored.
//!
//! The time stamp may have a `T` for the space, a `Z` at its end, and quotes around it; it is taken as UTC. Of the
//! fraction six digits count, and what follows it is ignored, as upstream has it.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Line, Row, tokens};

/// What `text` is; only the first line of a file can be a header: one that does not begin with a time stamp.
pub(super) fn line(text: &str, is_first: bool) -> Line {
    let mut columns = text.split(',');
    let stamp = columns.next().unwrap_or_default();
    let Some(at) = instant(stamp) else {
        return if is_first {
            Line::Header
        } else {
            Line::Bad(format!("{:?} is no time stamp", stamp.trim()))
        };
    };
    let mut column = |of| tokens(columns.next().unwrap_or_default(), of);
    match (column("input"), column("output")) {
        (Ok(input), Ok(output)) => Line::Row(Row { at, input, output }),
        (Err(fault), _) | (_, Err(fault)) => Line::Bad(fault),
    }
}

/// Nanoseconds since the Unix epoch.
fn instant(text: &str) -> Option<i128> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'').replace('T', " ");
    let text = text.strip_suffix('Z').unwrap_or(&text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().take_while(char::is_ascii_digit).take(6).collect();
    let micros: i128 = format!("{digits:0<6}").parse().ok()?;
    let whole = DateTime::strptime("%Y-%m-%d %H:%M:%S", whole).ok()?;
    let seconds = TimeZone::UTC.to_timestamp(whole).ok()?.as_second();
    Some(i128::from(seconds) * 1_000_000_000 + micros * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_in_all_their_forms() {
        let at = instant("2023-11-16 18:15:46").expect("a time stamp");
        assert_eq!(at, 1_700_158_546_000_000_000);
        for same in
            [" \"2023-11-16 18:15:46.0\" ", "2023-11-16T18:15:46Z", "2023-11-16 18:15:46.0000009+05:00"]
        {
            assert_eq!(instant(same), Some(at), "{same}");
        }
        assert_eq!(instant("2023-11-16 18:15:46.68059009"), Some(at + 680_590_000));
        assert_eq!(instant("2023-11-16 18:15:46.5"), Some(at + 500_000_000));
        for none in ["2023-11-16", "2023-11-16 18:15:46+05:00", "TIMESTAMP", "", "1700158546"] {
            assert_eq!(instant(none), None, "{none}");
        }
    }

    #[test]
    fn only_the_first_line_can_be_a_header() {
        assert_eq!(line("TIMESTAMP,a,b", true), Line::Header);
        assert_eq!(line("TIMESTAMP,a,b", false), Line::Bad("\"TIMESTAMP\" is no time stamp".to_owned()));
        assert_eq!(
            line("2023-11-16 18:15:46,1", true),
            Line::Bad("output \"\" is no number of tokens".to_owned())
        );
    }
}
