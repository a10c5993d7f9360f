//! Server-sent events: bytes in any pieces to the data of whole events.
//!
//! Follows the event stream format of the HTML standard: lines end with LF, CRLF or CR, one space after the colon is
//! optional, a byte order mark at the start and comments are dropped, several `data` lines are joined by a line feed.
//! One thing goes beyond it: an event that the end of the stream cuts off before its blank line still counts, because
//! servers forget it. It knows nothing of JSON and of time.

use memchr::memchr2;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Frames a stream of server-sent events.
///
/// An event that arrives whole in one piece, as a model server sends it, is handed on without copying.
#[derive(Debug, Default)]
pub struct SseDecoder {
    /// Start of a line whose end has not come yet.
    partial: Vec<u8>,
    /// Data lines of the event whose blank line has not come yet.
    data: Vec<u8>,
    has_data: bool,
    /// The last piece ended with CR, so a LF at the start of the next one belongs to it.
    after_cr: bool,
    past_first_line: bool,
}

impl SseDecoder {
    /// Takes the next piece and hands the data of each event that it completes to `on_event`.
    pub fn push(&mut self, mut piece: &[u8], mut on_event: impl FnMut(&[u8])) {
        if self.after_cr && !piece.is_empty() {
            self.after_cr = false;
            piece = piece.strip_prefix(b"\n").unwrap_or(piece);
        }
        // The only data line so far, while it lies whole in `piece`.
        let mut whole: Option<&[u8]> = None;
        while let Some(end) = memchr2(b'\n', b'\r', piece) {
            let (line, rest) = (&piece[..end], &piece[end + 1..]);
            if piece[end] == b'\r' {
                self.after_cr = rest.is_empty();
                piece = rest.strip_prefix(b"\n").unwrap_or(rest);
            } else {
                piece = rest;
            }
            if self.partial.is_empty() {
                self.line(line, &mut whole, &mut on_event);
            } else {
                let mut joined = std::mem::take(&mut self.partial);
                joined.extend_from_slice(line);
                self.joined_line(&joined, &mut whole, &mut on_event);
                joined.clear();
                self.partial = joined;
            }
        }
        self.keep(whole);
        self.partial.extend_from_slice(piece);
    }

    /// Takes the end of the stream and hands on the event that it cuts off, if there is one.
    pub fn finish(&mut self, mut on_event: impl FnMut(&[u8])) {
        let mut whole = None;
        let last = std::mem::take(&mut self.partial);
        if !last.is_empty() {
            self.joined_line(&last, &mut whole, &mut on_event);
        }
        self.line(b"", &mut None, &mut on_event);
    }

    /// A line that does not lie in the present piece: its data must be copied.
    fn joined_line(&mut self, line: &[u8], whole: &mut Option<&[u8]>, on_event: &mut impl FnMut(&[u8])) {
        self.keep(whole.take());
        let mut own = None;
        self.line(line, &mut own, on_event);
        self.keep(own);
    }

    fn line<'a>(
        &mut self,
        mut line: &'a [u8],
        whole: &mut Option<&'a [u8]>,
        on_event: &mut impl FnMut(&[u8]),
    ) {
        if !self.past_first_line {
            self.past_first_line = true;
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            if let Some(data) = whole.take() {
                on_event(data);
            } else if self.has_data {
                on_event(&self.data);
                self.data.clear();
                self.has_data = false;
            }
        } else if let Some(value) = data_value(line) {
            if self.has_data || whole.is_some() {
                self.keep(whole.take());
                self.keep(Some(value));
            } else {
                *whole = Some(value);
            }
        }
    }

    /// Copies a data line that cannot be handed on at once.
    fn keep(&mut self, line: Option<&[u8]>) {
        let Some(line) = line else { return };
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(line);
    }
}

/// The value of a `data` field; `None` for comments and all other fields.
fn data_value(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"data")?;
    match rest.split_first() {
        None => Some(rest),
        Some((b':', value)) => Some(value.strip_prefix(b" ").unwrap_or(value)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut decoder = SseDecoder::default();
        let mut events = Vec::new();
        let mut take = |data: &[u8]| events.push(String::from_utf8_lossy(data).into_owned());
        for piece in pieces {
            decoder.push(piece, &mut take);
        }
        decoder.finish(&mut take);
        events
    }

    const STREAMS: &[(&str, &[&str])] = &[
        ("data: {\"a\":1}\n\ndata: [DONE]\n\n", &["{\"a\":1}", "[DONE]"]),
        ("data: one\r\n\r\ndata: two\r\n\r\n", &["one", "two"]),
        ("data: one\r\rdata: two\r\r", &["one", "two"]),
        ("data:no space\n\ndata:  two spaces\n\n", &["no space", " two spaces"]),
        ("\u{feff}data: after the mark\n\n", &["after the mark"]),
        (": comment\nevent: message\nid: 7\nretry: 1\ndata: x\n\n", &["x"]),
        ("data: first\ndata: second\n\n", &["first\nsecond"]),
        ("data: a\r\ndata: b\rdata: c\n\r\n", &["a\nb\nc"]),
        ("data\n\n", &[""]),
        ("data:\ndata:\n\n", &["\n"]),
        ("\n\n\r\n\n", &[]),
        ("database: no\ndata : no\nother\n\n", &[]),
        ("data: without a blank line\n", &["without a blank line"]),
        ("data: without an end of line", &["without an end of line"]),
        ("data: é€😀\n\n", &["é€😀"]),
    ];

    #[test]
    fn frames_follow_the_standard() {
        for (stream, events) in STREAMS {
            assert_eq!(decode([stream.as_bytes()]), *events, "{stream:?}");
        }
    }

    #[test]
    fn every_split_in_two_or_three_gives_the_same_events() {
        for (stream, events) in STREAMS {
            let bytes = stream.as_bytes();
            for i in 0..=bytes.len() {
                for j in i..=bytes.len() {
                    let pieces = [&bytes[..i], &bytes[i..j], &bytes[j..]];
                    assert_eq!(decode(pieces), *events, "{stream:?} split at {i} and {j}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_events_of_the_whole(
            stream in proptest::collection::vec(
                prop_oneof![
                    Just(b"data: ".to_vec()), Just(b"data:".to_vec()), Just(b"\n".to_vec()), Just(b"\r".to_vec()),
                    Just(b"\r\n".to_vec()), Just(b":".to_vec()), Just(b"\xEF\xBB\xBF".to_vec()), Just(b"x".to_vec()),
                    proptest::collection::vec(any::<u8>(), 0..4),
                ],
                0..40,
            ).prop_map(|parts| parts.concat()),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
            prop_assert_eq!(decode(pieces), decode([stream.as_slice()]));
        }
    }
}
