//! Names and labels that the API server takes; longer or stranger ones are refused, not cut.

use super::super::target::{is_dns_label, is_dns_part};
use super::super::{Scalars, Values};
use super::{Found, is_label_value};

type Text<'a> = (&'a [&'a str], Option<&'a String>);

impl Found<'_> {
    pub(super) fn named(&mut self, values: &Values) {
        self.labels(values);
        let b = &values.benchmark;
        let target = &b.target;
        let headers = target.headers.as_ref();
        let (ca, key) = (target.ca.as_ref(), target.api_key.as_ref());
        let token = b.hf_token.as_ref();
        let namespaces: [Text<'_>; 2] = [
            (&["namespaceOverride"], values.namespace_override.as_ref()),
            (&["benchmark", "namespace"], b.namespace.as_ref()),
        ];
        self.all(&namespaces, is_dns_label, "name a namespace", NAMESPACE);
        let certificate = target.client_certificate.as_ref();
        let s3 = b.storage.as_ref().and_then(|storage| storage.s3.as_ref());
        let gcs = b.storage.as_ref().and_then(|storage| storage.gcs.as_ref());
        let claim = b.results.as_ref().and_then(|results| results.claim.as_ref());
        let custom = b.custom_data.as_ref();
        let objects: [Text<'_>; 15] = [
            (
                &["serviceAccount", "name"],
                b.service_account.as_ref().and_then(|account| account.name.as_ref()),
            ),
            (&["hfToken", "existingSecret"], token.and_then(|token| token.existing_secret.as_ref())),
            (&["storage", "s3", "existingSecret"], s3.and_then(|s3| s3.existing_secret.as_ref())),
            (&["storage", "gcs", "existingSecret"], gcs.and_then(|gcs| gcs.existing_secret.as_ref())),
            (&["results", "claim", "existingClaim"], claim.and_then(|claim| claim.existing_claim.as_ref())),
            (
                &["results", "claim", "storageClassName"],
                claim.and_then(|claim| claim.storage_class_name.as_ref()),
            ),
            (&["target", "apiKey", "existingSecret"], key.and_then(|key| key.existing_secret.as_ref())),
            (&["target", "headers", "existingSecret"], headers.and_then(|h| h.existing_secret.as_ref())),
            (&["target", "ca", "existingSecret"], ca.and_then(|ca| ca.existing_secret.as_ref())),
            (&["target", "ca", "existingConfigMap"], ca.and_then(|ca| ca.existing_config_map.as_ref())),
            (
                &["target", "clientCertificate", "existingSecret"],
                certificate.and_then(|certificate| certificate.existing_secret.as_ref()),
            ),
            (
                &["customData", "existingConfigMap"],
                custom.and_then(|custom| custom.existing_config_map.as_ref()),
            ),
            (&["customData", "existingClaim"], custom.and_then(|custom| custom.existing_claim.as_ref())),
            (&["priorityClassName"], b.priority_class_name.as_ref()),
            (&["runtimeClassName"], b.runtime_class_name.as_ref()),
        ];
        self.within(&objects, is_object_name, "name an object", OBJECT);
        let keys: [Text<'_>; 5] = [
            (&["storage", "gcs", "key"], gcs.and_then(|gcs| gcs.key.as_ref())),
            (&["hfToken", "key"], token.and_then(|token| token.key.as_ref())),
            (&["target", "apiKey", "key"], key.and_then(|key| key.key.as_ref())),
            (&["target", "headers", "key"], headers.and_then(|headers| headers.key.as_ref())),
            (&["target", "ca", "key"], ca.and_then(|ca| ca.key.as_ref())),
        ];
        self.within(&keys, is_secret_key, "be a key of a Secret", KEY);
    }

    /// The same for texts whose paths start below `benchmark`.
    fn within(&mut self, texts: &[Text<'_>], holds: fn(&str) -> bool, role: &str, remedy: &str) {
        for (path, text) in texts {
            let path = [&["benchmark"], *path].concat();
            self.all(&[(&path, *text)], holds, role, remedy);
        }
    }

    fn all(&mut self, texts: &[Text<'_>], holds: fn(&str) -> bool, role: &str, remedy: &str) {
        for (path, text) in texts {
            if let Some(text) = text.filter(|text| !text.is_empty() && !holds(text)) {
                self.push(path, format!("`{text}` cannot {role}"), remedy);
            }
        }
    }

    fn labels(&mut self, values: &Values) {
        let b = &values.benchmark;
        let (job, account) = (b.job.as_ref(), b.service_account.as_ref());
        let live = b.live_metrics.as_ref();
        let labels: [(&[&str], Option<&Scalars>); 9] = [
            (
                &["benchmark", "liveMetrics", "podMonitor", "labels"],
                live.and_then(|live| live.pod_monitor.as_ref()?.labels.as_ref()),
            ),
            (
                &["benchmark", "liveMetrics", "dashboard", "labels"],
                live.and_then(|live| live.dashboard.as_ref()?.labels.as_ref()),
            ),
            (&["commonLabels"], values.common_labels.as_ref()),
            (&["benchmark", "podLabels"], b.pod_labels.as_ref()),
            (&["benchmark", "job", "labels"], job.and_then(|job| job.labels.as_ref())),
            (&["benchmark", "serviceAccount", "labels"], account.and_then(|account| account.labels.as_ref())),
            (&["benchmark", "nodeSelector"], b.node_selector.as_ref()),
            (
                &["benchmark", "affinity", "targetLabels"],
                b.affinity.as_ref().and_then(|affinity| affinity.target_labels.as_ref()),
            ),
            (
                &["simulator", "nodeSelector"],
                values.simulator.as_ref().and_then(|simulator| simulator.node_selector.as_ref()),
            ),
        ];
        let annotations: [(&[&str], Option<&Scalars>); 4] = [
            (&["commonAnnotations"], values.common_annotations.as_ref()),
            (&["benchmark", "podAnnotations"], b.pod_annotations.as_ref()),
            (&["benchmark", "job", "annotations"], job.and_then(|job| job.annotations.as_ref())),
            (&["benchmark", "serviceAccount", "annotations"], account.and_then(|a| a.annotations.as_ref())),
        ];
        for (path, scalars) in labels.into_iter().chain(annotations) {
            for name in present(scalars).map(|(name, _)| name).filter(|name| !is_qualified(name)) {
                self.push(path, format!("`{name}` cannot name a label or annotation"), QUALIFIED);
            }
        }
        for (path, scalars) in labels {
            for (name, value) in present(scalars) {
                let is_value = match value {
                    serde_json::Value::String(text) => text.is_empty() || is_label_value(text),
                    other => is_label_value(&other.to_string()),
                };
                if !is_value {
                    let path = [path, &[name.as_str()]].concat();
                    self.push(&path, format!("{value} cannot be the value of a label"), LABEL);
                }
            }
        }
    }
}

const NAMESPACE: &str = "write at most 63 lower-case letters, digits and inner hyphens";
const OBJECT: &str = "write at most 253 lower-case letters, digits, inner hyphens and dots";
const KEY: &str = "write letters, digits, hyphens, dots and underscores";
const LABEL: &str =
    "write at most 63 letters, digits, hyphens, dots and underscores, a letter or digit first and last";
const QUALIFIED: &str =
    "write at most 63 letters, digits, hyphens, dots and underscores, behind a domain and / if need be";

/// The entries that are not null.
fn present(scalars: Option<&Scalars>) -> impl Iterator<Item = (&String, &serde_json::Value)> {
    scalars.into_iter().flat_map(|scalars| scalars.entries().iter()).filter(|(_, value)| !value.is_null())
}

fn is_object_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_part)
}

fn is_secret_key(text: &str) -> bool {
    text.len() <= 253 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
}

/// `name` or `domain/name`.
fn is_qualified(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let (domain, name) = text.split_once('/').map_or((None, text), |(domain, name)| (Some(domain), name));
    let is_domain = |domain: &str| {
        domain.len() <= 253
            && domain.starts_with(edge)
            && domain.ends_with(edge)
            && domain.chars().all(|c| edge(c) || matches!(c, '-' | '.'))
    };
    domain.is_none_or(is_domain) && is_label_value(name)
}
