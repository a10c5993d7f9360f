//! The head of a response: status, and how its body is framed (RFC 9112, section 6.3).
//!
//! It knows nothing of sockets and of what a body says.

use http::StatusCode;

/// Headers that a response has at most.
const MOST_HEADERS: usize = 128;
/// Bytes of a head at most.
pub(super) const MOST_HEAD_BYTES: usize = 256 << 10;

/// What the head of a response says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    /// In lower case; empty if there is none.
    pub(super) content_type: String,
    pub(super) framing: Framing,
    /// The server will take another request on this connection.
    pub(super) stays_open: bool,
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// It has so many bytes.
    Length(u64),
    /// Chunks, the last one empty.
    Chunked,
    /// The connection ends with it.
    UntilClose,
}

/// Why bytes are no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(pub(super) String);

/// The head at the start of `bytes` and its length; `None` if it has not come whole. Interim responses (`100 Continue`)
/// are passed over.
///
/// # Errors
///
/// If it is no head of HTTP/1.
pub(super) fn head(bytes: &[u8]) -> Result<Option<(Head, usize)>, Malformed> {
    let mut from = 0;
    loop {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(&bytes[from..]).map_err(|error| Malformed(error.to_string()))?;
        let httparse::Status::Complete(length) = parsed else { return Ok(None) };
        from += length;
        // A head that is complete has both.
        let (code, minor) = (response.code.unwrap_or_default(), response.version.unwrap_or_default());
        match code {
            101 => return Err(Malformed("the server wants to switch protocols".to_owned())),
            100..=199 => {}
            _ => return Ok(Some((told(code, minor, response.headers)?, from))),
        }
    }
}

fn told(code: u16, minor: u8, headers: &[httparse::Header<'_>]) -> Result<Head, Malformed> {
    let status = StatusCode::from_u16(code).map_err(|error| Malformed(error.to_string()))?;
    let values = |name: &'static str| {
        let named = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| String::from_utf8_lossy(header.value).trim().to_ascii_lowercase())
    };
    let has_token =
        |name, token: &str| values(name).any(|value| value.split(',').any(|part| part.trim() == token));
    let framing = if matches!(code, 204 | 304) {
        Framing::Length(0)
    } else if let Some(coding) = values("transfer-encoding").next_back() {
        // What is not chunked at the end can only end with the connection.
        if coding.ends_with("chunked") { Framing::Chunked } else { Framing::UntilClose }
    } else {
        length(values("content-length"))?
    };
    let stays_open = framing != Framing::UntilClose
        && if minor == 0 { has_token("connection", "keep-alive") } else { !has_token("connection", "close") };
    let content_type = values("content-type").next().unwrap_or_default();
    Ok(Head { status, content_type, framing, stays_open })
}

fn length(values: impl Iterator<Item = String>) -> Result<Framing, Malformed> {
    let mut length = None;
    for value in values {
        // Several of one value are one.
        for part in value.split(',') {
            let digits = part.trim();
            let number =
                digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
            let Some(number) = number.filter(|number| length.is_none_or(|before: u64| before == *number))
            else {
                return Err(Malformed(format!("content-length is {value:?}")));
            };
            length = Some(number);
        }
    }
    Ok(length.map_or(Framing::UntilClose, Framing::Length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Head {
        let (head, length) = head(text.as_bytes()).expect("a head").expect("whole");
        assert_eq!(length, text.len());
        head
    }

    #[test]
    fn framings_and_what_becomes_of_the_connection() {
        for (lines, framing, stays_open) in [
            ("1.1 200 OK\r\ncontent-length: 12", Framing::Length(12), true),
            ("1.1 200 OK\r\nContent-Length: 12, 12\r\ncontent-length: 12", Framing::Length(12), true),
            ("1.1 200 OK\r\ntransfer-encoding: Chunked\r\ncontent-length: 12", Framing::Chunked, true),
            ("1.1 200 OK\r\ntransfer-encoding: gzip, chunked", Framing::Chunked, true),
            ("1.1 200 OK\r\ntransfer-encoding: gzip", Framing::UntilClose, false),
            ("1.1 200 OK\r\nserver: x", Framing::UntilClose, false),
            ("1.1 200 OK\r\ncontent-length: 0\r\nconnection: x, Close", Framing::Length(0), false),
            ("1.0 200 OK\r\ncontent-length: 0", Framing::Length(0), false),
            ("1.0 200 OK\r\ncontent-length: 0\r\nconnection: Keep-Alive", Framing::Length(0), true),
            ("1.1 204 No Content\r\nserver: x", Framing::Length(0), true),
        ] {
            let head = read(&format!("HTTP/{lines}\r\n\r\n"));
            assert_eq!((head.framing, head.stays_open), (framing, stays_open), "{lines}");
        }
    }

    #[test]
    fn heads_come_in_pieces_and_after_interim_ones() {
        let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nContent-Type: Text/Plain\r\ncontent-length: 4\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(head(&text.as_bytes()[..end]), Ok(None), "{end}");
        }
        let (head, length) = head(format!("{text}busy").as_bytes()).expect("a head").expect("whole");
        assert_eq!(
            (head.status.as_u16(), head.content_type.as_str(), length),
            (503, "text/plain", text.len())
        );
    }

    #[test]
    fn what_is_no_response_is_refused() {
        for text in [
            "garbage\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
        ] {
            assert!(head(text.as_bytes()).is_err(), "{text}");
        }
    }
}
