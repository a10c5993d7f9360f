//! What the server's metrics page showed, as objects under `extensions` of the lifecycle reports.

use serde_json::{Value, json};

use crate::serving::Observation;
use crate::serving::names::Meaning;

/// The object of a stage or of the run; null if nothing was scraped.
///
/// Counters are what they rose by, gauges the readings while stages ran. Null is what the server does not tell, or what
/// scrapes have missed.
pub fn tree(observed: Option<&Observation>) -> Value {
    let Some(observed) = observed else { return Value::Null };
    let gauge = |meaning| observed.gauge(meaning).map(|gauge| json!({"mean": gauge.mean, "max": gauge.max}));
    let increase = |meaning| observed.increase(meaning);
    let (hits, queries) = (increase(Meaning::PrefixHits), increase(Meaning::PrefixQueries));
    let hit_percent = hits.zip(queries).filter(|(_, queries)| *queries > 0.0);
    json!({
        "scrapes": {
            "succeeded": observed.succeeded,
            "failed": observed.failed,
            "last_fault": observed.last_fault,
        },
        "requests_running": gauge(Meaning::Running),
        "requests_waiting": gauge(Meaning::Waiting),
        "kv_cache_usage": gauge(Meaning::KvCacheUsage),
        "preemptions": increase(Meaning::Preemptions),
        "prefix_cache_hits": hits,
        "prefix_cache_queries": queries,
        "prefix_cache_hit_percent": hit_percent.map(|(hits, queries)| 100.0 * hits / queries),
        "requests_succeeded": increase(Meaning::Succeeded),
        "prompt_tokens": increase(Meaning::PromptTokens),
        "generation_tokens": increase(Meaning::GenerationTokens),
    })
}
