//! Environment variables by which a pod tells the runner what its configuration does not.

/// Longest wait for the model server before the load, seconds; nothing is asked where it is not set.
pub const PREFLIGHT_VARIABLE: &str = "INFERENCE_PERF_PREFLIGHT";
/// Time to stay after a run, so that its reports can be copied out of the pod, seconds; none where it is not set.
pub const HOLD_VARIABLE: &str = "INFERENCE_PERF_HOLD_SECONDS";
