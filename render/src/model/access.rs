//! Secrets and certificates of the target and of the store: volumes, where they are mounted, and the variables that name them.

use benchmark_schemas::translate;
use benchmark_schemas::values::{Authorities, Benchmark};
use benchmark_schemas::variables::{CA_FILE, CERT_FILE, HEADERS_FILE, KEY_FILE};
use serde_json::{Value, json};

use super::text;

/// Volumes of Secrets and certificates.
pub(super) fn volumes(benchmark: &Benchmark) -> Vec<Value> {
    let target = &benchmark.target;
    let mut volumes = Vec::new();
    if let Some(headers) = &target.headers
        && let Some(name) = text::given(headers.existing_secret.as_ref())
    {
        let items =
            json!([{ "key": text::given(headers.key.as_ref()).unwrap_or("headers"), "path": "headers" }]);
        volumes.push(json!({ "name": "headers", "secret": { "secretName": name, "items": items } }));
    }
    if let Some(Authorities { existing_secret, existing_config_map, key }) = &target.ca {
        let items = json!([{ "key": text::given(key.as_ref()).unwrap_or("ca.crt"), "path": "ca.crt" }]);
        if let Some(name) = text::given(existing_secret.as_ref()) {
            volumes.push(json!({ "name": "ca", "secret": { "secretName": name, "items": items } }));
        }
        if let Some(name) = text::given(existing_config_map.as_ref()) {
            volumes.push(json!({ "name": "ca", "configMap": { "name": name, "items": items } }));
        }
    }
    let certificate = target.client_certificate.as_ref();
    if let Some(name) = text::given(certificate.and_then(|certificate| certificate.existing_secret.as_ref()))
    {
        volumes.push(json!({ "name": "client-certificate", "secret": { "secretName": name } }));
    }
    if let Some((name, key)) = translate::gcs_secret(benchmark) {
        let items = json!([{ "key": key, "path": "key.json" }]);
        volumes.push(json!({ "name": "gcs-key", "secret": { "secretName": name, "items": items } }));
    }
    volumes
}

/// Where those volumes are mounted.
pub(super) fn mounts(volumes: &[Value]) -> Vec<Value> {
    let mount = |volume: &Value| {
        let name = volume["name"].as_str().unwrap_or_default();
        json!({ "name": name, "mountPath": path(name), "readOnly": true })
    };
    volumes.iter().map(mount).collect()
}

/// Variables with the files of those volumes, name and value.
pub(super) fn variables(volumes: &[Value]) -> Vec<(&'static str, String)> {
    let files = |volume: &Value| -> Vec<(&'static str, String)> {
        let name = volume["name"].as_str().unwrap_or_default();
        let files: &[(&str, &str)] = match name {
            "headers" => &[(HEADERS_FILE, "headers")],
            "ca" => &[(CA_FILE, "ca.crt")],
            "gcs-key" => &[("GOOGLE_APPLICATION_CREDENTIALS", "key.json")],
            _ => &[(CERT_FILE, "tls.crt"), (KEY_FILE, "tls.key")],
        };
        files.iter().map(|(variable, file)| (*variable, format!("{}/{file}", path(name)))).collect()
    };
    volumes.iter().flat_map(files).collect()
}

fn path(volume: &str) -> String {
    format!("/etc/inference-perf/{volume}")
}
