//! Failures by label, as upstream's reports group them.

use benchmark_schemas::record::Failure;

use crate::labels::{label, shown_message};

/// Failures under one label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelGroup {
    /// The label.
    pub label: String,
    /// Failures.
    pub count: u64,
    /// Distinct messages in the order in which they were first seen, at most as many as the configuration allows.
    pub messages: Vec<String>,
}

/// All failures by label.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelGroups(Vec<LabelGroup>);

impl LabelGroups {
    /// Counts `failure`; keeps its message if it is new and there are fewer than `max_messages` under its label.
    pub fn add(&mut self, failure: &Failure, max_messages: usize) {
        let message = shown_message(failure);
        let label = label(failure, &message);
        let index = self.0.iter().position(|group| group.label == label).unwrap_or_else(|| {
            self.0.push(LabelGroup { label, count: 0, messages: Vec::new() });
            self.0.len() - 1
        });
        let group = &mut self.0[index];
        group.count += 1;
        if group.messages.len() < max_messages && !group.messages.contains(&message) {
            group.messages.push(message);
        }
    }

    /// The groups by falling count, those seen first before others of the same count.
    pub fn by_count(&self) -> Vec<&LabelGroup> {
        let mut groups: Vec<&LabelGroup> = self.0.iter().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(error_type: &str, message: &str) -> Failure {
        Failure { error_type: error_type.to_owned(), message: message.to_owned() }
    }

    #[test]
    fn groups_are_ordered_by_count_and_keep_few_messages() {
        let mut groups = LabelGroups::default();
        groups.add(&failure("HTTP Error 503", "busy"), 2);
        for message in ["a", "b", "a", "c"] {
            groups.add(&failure("HTTP Error 500", message), 2);
        }
        groups.add(&failure("HTTP Error 429", "slow"), 2);
        let listed: Vec<(&str, u64, usize)> =
            groups.by_count().iter().map(|g| (g.label.as_str(), g.count, g.messages.len())).collect();
        assert_eq!(
            listed,
            [
                ("500 - Internal Server Error", 4, 2),
                ("503 - Service Unavailable", 1, 1),
                ("429 - Rate Limit", 1, 1)
            ]
        );
    }
}
