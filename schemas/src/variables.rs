//! Environment variables by which a pod tells the runner what its configuration does not. The chart sets them.

/// Key of the model server, where `server.api_key` is not given.
pub const API_KEY: &str = "INFERENCE_PERF_API_KEY";
/// File with headers of every request besides `api.headers`, one `Name: value` a line.
pub const HEADERS_FILE: &str = "INFERENCE_PERF_HEADERS_FILE";
/// File with certificates of authorities, where `extensions.ca_path` is not given.
pub const CA_FILE: &str = "INFERENCE_PERF_CA_FILE";
/// File with the client's certificate, where `server.cert_path` is not given.
pub const CERT_FILE: &str = "INFERENCE_PERF_CERT_FILE";
/// File with the key of that certificate.
pub const KEY_FILE: &str = "INFERENCE_PERF_KEY_FILE";
/// Longest wait for the model server before the load, seconds; nothing is asked where it is not set.
pub const PREFLIGHT: &str = "INFERENCE_PERF_PREFLIGHT";
/// Time to stay after a run, so that its reports can be copied out of the pod, seconds; none where it is not set.
pub const HOLD_SECONDS: &str = "INFERENCE_PERF_HOLD_SECONDS";
/// Time after its start in which the run is to end by itself, seconds.
pub const DEADLINE_SECONDS: &str = "INFERENCE_PERF_DEADLINE_SECONDS";
/// Time between the signal to end and the end of the pod, seconds.
pub const GRACE_SECONDS: &str = "INFERENCE_PERF_GRACE_SECONDS";
/// File from which Kubernetes takes the container's last words.
pub const TERMINATION_LOG: &str = "INFERENCE_PERF_TERMINATION_LOG";
/// Port on which the run serves its own metrics page; none where it is not set.
pub const METRICS_PORT: &str = "INFERENCE_PERF_METRICS_PORT";
