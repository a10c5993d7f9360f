//! Credentials: Secrets that hold them, and how one is known that stands where all can read it.
//!
//! Values end up in a ConfigMap or in the Job, so no credential may be among them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A key of an existing Secret.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretKey {
    /// Name of the Secret. Empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing_secret: Option<String>,
    /// Key in the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Certificates of authorities in an existing Secret or ConfigMap.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Authorities {
    /// Name of the Secret. Empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing_secret: Option<String>,
    /// Name of the ConfigMap. Empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing_config_map: Option<String>,
    /// Key in the one or the other. Unset: ca.crt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A client certificate in an existing Secret of type `kubernetes.io/tls`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientCertificate {
    /// Name of the Secret. Empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing_secret: Option<String>,
}

/// True if `name`, a key, a variable or an HTTP header, names a credential.
pub fn is_secret_name(name: &str) -> bool {
    const WHOLE: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];
    const LAST: [&str; 12] = [
        "api-key",
        "api_key",
        "apikey",
        "access-key",
        "access_key",
        "accesskey",
        "subscription-key",
        "subscription_key",
        "subscriptionkey",
        "token",
        "secret",
        "password",
    ];
    let name = name.to_lowercase();
    WHOLE.contains(&name.as_str())
        || LAST.iter().any(|last| {
            name.strip_suffix(last).is_some_and(|rest| rest.is_empty() || rest.ends_with(['-', '_']))
        })
}

/// True if `value` looks like a credential whatever it is called: a scheme with its proof, or a key of a known kind.
pub fn is_secret_value(value: &str) -> bool {
    let proof = value.split_once(' ').is_some_and(|(scheme, proof)| {
        let proof = proof.trim_start_matches(' ');
        matches!(scheme.to_ascii_lowercase().as_str(), "bearer" | "basic" | "token")
            && !proof.is_empty()
            && !proof.contains(' ')
    });
    let key = ["hf_", "sk-", "AKIA", "ASIA", "ghp_", "github_pat_"]
        .iter()
        .filter_map(|prefix| value.strip_prefix(prefix))
        .any(|rest| {
            rest.len() >= 12 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        });
    proof || key || has_user_info(value)
}

/// True if the authority of `url` carries a user or a password.
pub(super) fn has_user_info(url: &str) -> bool {
    super::target::authority(url).is_some_and(|authority| authority.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_name() {
        for name in [
            "Authorization",
            "proxy-authorization",
            "x-api-key",
            "API_KEY",
            "apiKey",
            "X-Auth-Token",
            "token",
            "HF_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "hfToken",
            "max_tokens",
            "tokenizer",
            "x-request-id",
            "existingSecret",
            "authorization-mode",
            "AWS_ACCESS_KEY_ID",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn credentials_are_known_by_what_they_look_like() {
        for value in [
            "Bearer abc",
            "basic dXNlcjpwdw==",
            "hf_abcdefghijklmnop",
            "sk-proj-0123456789abcdef",
            "AKIAIOSFODNN7EXAMPLE",
            "http://user:pw@proxy:3128",
        ] {
            assert!(is_secret_value(value), "{value}");
        }
        for value in
            ["Bearer", "bearer of news", "/results/hf", "hf_home", "sk-1", "http://proxy:3128", "token "]
        {
            assert!(!is_secret_value(value), "{value}");
        }
    }
}
