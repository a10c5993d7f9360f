//! The limits by which stages are judged. They stand here and nowhere else, and are printed with the verdicts.

use benchmark_schemas::report::Limits;

/// The limits of this version.
pub const LIMITS: Limits = Limits {
    send_error_p99_seconds: 0.005,
    throttled_share: 0.01,
    busiest_runtime: 0.5,
    // 59 is the smallest sample whose greatest value lies above the 95th percentile with 95 % confidence.
    min_requests: 60,
    backlog_growth: 0.02,
    p95_ratio: 2.0,
    p95_ratio_lower: 1.5,
    error_rate: 0.01,
    // The usual advice to run 20 to 30 % below the knee.
    recommended_share: [0.7, 0.8],
};

/// Share of a stage's requests from which on late prompts or slow records are named as the cause of late sending.
pub const CAUSE_SHARE: f64 = 0.01;

/// A request that waits longer for a connection is counted, seconds: a local handshake takes less, and an open
/// connection is there at once.
pub const CONNECTION_WAIT_SECONDS: f64 = 0.001;

/// Batches into which the measured part of a sending window is divided.
pub const BATCHES: usize = 8;

/// Share of the sending window that is always left out as the initial fill of the server.
pub const FILL_SHARE: f64 = 0.15;

/// The initial fill lasts at least this multiple of the median request latency.
pub const FILL_LATENCIES: f64 = 3.0;

/// The initial fill is at most this share of the sending window.
pub const FILL_SHARE_MAX: f64 = 0.5;

/// Share of a stage's requests that stands for low load where there is no other stage to compare with: those that found
/// least unfinished when they fell due.
pub const QUIET_SHARE: f64 = 0.25;

/// Requests of that share that a comparison needs.
pub const QUIET_REQUESTS: usize = 20;
