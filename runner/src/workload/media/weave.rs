//! A text with items in it, as the parts of a message.

use super::{Encoded, Item};

/// A part of a message.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Part {
    /// Text.
    Text(String),
    /// A JSON object as it stands in the body.
    Object(String),
}

/// `text` with each item at its point, counted in characters; items at the same point keep their order.
pub(in super::super) fn woven(text: &str, items: &[(Item, Encoded)]) -> Vec<Part> {
    let mut items: Vec<_> = items.iter().collect();
    items.sort_by(|(a, _), (b, _)| a.point.total_cmp(&b.point));
    let characters = text.chars().count();
    let mut parts = Vec::new();
    let (mut rest, mut taken) = (text, 0);
    for (item, encoded) in items {
        let at = position(item.point, characters);
        let bytes = rest.char_indices().nth(at - taken).map_or(rest.len(), |(bytes, _)| bytes);
        let (before, after) = rest.split_at(bytes);
        (rest, taken) = (after, at);
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.extend(encoded.parts.iter().cloned().map(Part::Object));
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    parts
}

/// Characters before `point`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between nothing and all of them"
)]
fn position(point: f64, characters: usize) -> usize {
    ((point.clamp(0.0, 1.0) * characters as f64).floor() as usize).min(characters)
}

/// One part list after another; where both are text they become one with a space between.
pub(in super::super) fn joined(mut first: Vec<Part>, second: Vec<Part>) -> Vec<Part> {
    let mut second = second.into_iter();
    match (first.last_mut(), second.next()) {
        (None, next) => first.extend(next),
        (Some(_), None) => {}
        (Some(Part::Text(before)), Some(Part::Text(after))) => {
            before.push(' ');
            before.push_str(&after);
        }
        (Some(_), Some(next)) => first.extend([Part::Text(" ".to_owned()), next]),
    }
    first.extend(second);
    first
}
