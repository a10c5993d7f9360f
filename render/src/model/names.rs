//! Names, namespace and labels.

use benchmark_schemas::translate::replace_runs;
use benchmark_schemas::values::{Scalars, Values};
use serde_json::{Map, Value};

use super::text;
use crate::chart;
use crate::go_json;
use crate::release::Release;

/// Longest name of a Job: its pods carry it as the value of a label.
const MAX_NAME: usize = 63;

/// Longest part of a name that is a scenario's.
const MAX_SCENARIO: usize = 30;

/// Names of what a release makes.
#[derive(Debug)]
pub(crate) struct Names {
    pub namespace: String,
    pub service_account: String,
    scenario: String,
    fullname: String,
    suffix: String,
    instance: String,
    name_label: String,
}

impl Names {
    pub(super) fn new(release: &Release, values: &Values) -> Self {
        let benchmark = &values.benchmark;
        let account = benchmark.service_account.clone().unwrap_or_default();
        let default_account = if account.create == Some(true) { "inference-perf-sa" } else { "default" };
        let chart_name = text::given(values.name_override.as_ref()).unwrap_or(chart::NAME);
        let fullname = match text::given(values.fullname_override.as_ref()) {
            Some(name) => name.to_owned(),
            None if release.name().contains(chart_name) => release.name().to_owned(),
            None => format!("{}-{chart_name}", release.name()),
        };
        let suffix = benchmark.job.as_ref().and_then(|job| job.name_suffix.as_ref());
        Self {
            namespace: text::given(benchmark.namespace.as_ref())
                .or_else(|| text::given(values.namespace_override.as_ref()))
                .unwrap_or(release.namespace())
                .to_owned(),
            service_account: text::given(account.name.as_ref()).unwrap_or(default_account).to_owned(),
            scenario: benchmark.scenario.clone(),
            fullname,
            suffix: suffix.map_or("hash", |suffix| suffix.as_str()).to_owned(),
            instance: release.name().to_owned(),
            name_label: label_value(chart_name),
        }
    }

    /// `hash`, `none`, or a literal.
    pub(super) fn suffix(&self) -> &str {
        &self.suffix
    }

    /// `<fullname>-<scenario>`, and `-<suffix>` where there is one, in at most 63 characters: the scenario keeps up to
    /// 30 of them, a longer fullname is cut.
    pub(super) fn with_suffix(&self, suffix: &str) -> String {
        let suffix = if suffix.is_empty() { String::new() } else { format!("-{suffix}") };
        let scenario = shorten(slug(&self.scenario), MAX_SCENARIO);
        let limit = MAX_NAME - 1 - scenario.len() - suffix.len();
        format!("{}-{scenario}{suffix}", shorten(slug(&self.fullname), limit))
    }

    /// Labels that say what an object is, the same in every version of the chart.
    pub(super) fn identity(&self) -> Map<String, Value> {
        text::map([
            ("app.kubernetes.io/name", &self.name_label),
            ("app.kubernetes.io/instance", &label_value(&self.instance)),
            ("app.kubernetes.io/component", "benchmark"),
            ("app.kubernetes.io/part-of", "benchmark-charts"),
            ("app.kubernetes.io/managed-by", "Helm"),
        ])
    }

    /// Labels of every object.
    pub(super) fn labels(&self, values: &Values) -> Map<String, Value> {
        let mut own = self.identity();
        own.extend(text::map([
            ("helm.sh/chart", &super::chart_label()),
            ("app.kubernetes.io/version", &label_value(chart::app_version())),
        ]));
        text::merged([values.common_labels.as_ref()], &own)
    }

    /// Labels of ConfigMap and Job; `extra` are the user's for the one object.
    pub(super) fn scenario_labels(&self, values: &Values, extra: Option<&Scalars>) -> Map<String, Value> {
        let mut labels = self.labels(values);
        labels.extend(text::map([("benchmark.scenario", &self.scenario)]));
        text::merged([extra], &labels)
    }

    /// Name of the simulated server's objects. It begins with a letter, as the name of a Service must.
    pub(super) fn simulator(&self) -> String {
        self.prefixed("simulator")
    }

    /// Name of an object that a release has one of, whatever its scenario: `<prefix>-<fullname>` in at most 63 characters.
    pub(super) fn prefixed(&self, prefix: &str) -> String {
        format!("{prefix}-{}", shorten(slug(&self.fullname), MAX_NAME - 1 - prefix.len()))
    }

    /// Labels by which the simulated server's pods are chosen.
    pub(super) fn simulator_identity(&self) -> Map<String, Value> {
        text::map([
            ("app.kubernetes.io/name", &self.name_label),
            ("app.kubernetes.io/instance", &label_value(&self.instance)),
            ("app.kubernetes.io/component", "simulator"),
        ])
    }
}

/// A text as part of an object's name: lower-case letters, digits and single hyphens; may come out empty.
fn slug(text: &str) -> String {
    replace_runs(text, |c| c.is_ascii_alphanumeric()).to_lowercase().trim_matches('-').to_owned()
}

/// The slug in at most `limit` characters; a cut one ends in 8 digits of its digest and so stays unique.
fn shorten(slug: String, limit: usize) -> String {
    if slug.len() <= limit {
        return slug;
    }
    let kept = &slug[..limit.saturating_sub(9)];
    format!("{}-{}", kept.strip_suffix('-').unwrap_or(kept), &go_json::sha256_of_text(&slug)[..8])
}

/// A text as the value of a label.
pub(super) fn label_value(text: &str) -> String {
    let plain = replace_runs(text, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    plain[..plain.len().min(MAX_NAME)].trim_matches(['-', '_', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slugs_and_label_values() {
        assert_eq!(slug("longContext_v2"), "longcontext-v2");
        assert_eq!(slug("--a..b--"), "a-b");
        assert_eq!(slug("ä"), "");
        assert_eq!(label_value("a+b/c"), "a-b-c");
        assert_eq!(label_value("-x-"), "x");
    }

    proptest! {
        #[test]
        fn names_are_names(text in "\\PC*", limit in 10usize..63) {
            let name = shorten(slug(&text), limit);
            prop_assert!(name.len() <= limit);
            prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            prop_assert!(!name.starts_with('-') && !name.ends_with('-'));
        }
    }
}
