//! What the metrics on a server's page mean, under the names of each kind of server.

use benchmark_schemas::config::ServerType;

/// What a metric says, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meaning {
    /// Requests that the model works on.
    Running,
    /// Requests in the queue.
    Waiting,
    /// Used share of the KV cache, 0 to 1.
    KvCacheUsage,
    /// Times that a running request had to give its place back.
    Preemptions,
    /// Tokens of prompts that were found in the prefix cache.
    PrefixHits,
    /// Tokens of prompts that were looked for there.
    PrefixQueries,
    /// Requests that succeeded.
    Succeeded,
    /// Tokens of prompts.
    PromptTokens,
    /// Tokens of answers.
    GenerationTokens,
}

impl Meaning {
    /// Those that rise and fall; the others only count up.
    pub const GAUGES: [Self; 3] = [Self::Running, Self::Waiting, Self::KvCacheUsage];

    /// True for what rises and falls.
    pub fn is_gauge(self) -> bool {
        Self::GAUGES.contains(&self)
    }
}

/// Names of one meaning; a server has those of its version. Counters with and without `_total` are the same.
type Entry = (Meaning, &'static [&'static str]);

const VLLM: &[Entry] = &[
    (Meaning::Running, &["vllm:num_requests_running"]),
    (Meaning::Waiting, &["vllm:num_requests_waiting"]),
    (Meaning::KvCacheUsage, &["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"]),
    (Meaning::Preemptions, &["vllm:num_preemptions"]),
    (Meaning::PrefixHits, &["vllm:prefix_cache_hits", "vllm:gpu_prefix_cache_hits"]),
    (Meaning::PrefixQueries, &["vllm:prefix_cache_queries", "vllm:gpu_prefix_cache_queries"]),
    (Meaning::Succeeded, &["vllm:request_success"]),
    (Meaning::PromptTokens, &["vllm:prompt_tokens"]),
    (Meaning::GenerationTokens, &["vllm:generation_tokens"]),
];

const SGLANG: &[Entry] = &[
    (Meaning::Running, &["sglang:num_running_reqs"]),
    (Meaning::Waiting, &["sglang:num_queue_reqs"]),
    (Meaning::KvCacheUsage, &["sglang:token_usage"]),
    (Meaning::Succeeded, &["sglang:num_requests", "sglang:e2e_request_latency_seconds_count"]),
    (Meaning::PrefixHits, &["sglang:cached_tokens"]),
    (Meaning::PrefixQueries, &["sglang:prompt_tokens"]),
    (Meaning::PromptTokens, &["sglang:prompt_tokens"]),
    (Meaning::GenerationTokens, &["sglang:generation_tokens"]),
];

const TGI: &[Entry] = &[
    (Meaning::Running, &["tgi_batch_current_size"]),
    (Meaning::Waiting, &["tgi_queue_size"]),
    (Meaning::Succeeded, &["tgi_request_success"]),
    (Meaning::PromptTokens, &["tgi_request_input_length_sum"]),
    (Meaning::GenerationTokens, &["tgi_request_generated_tokens_sum"]),
];

fn entries(server: ServerType) -> &'static [Entry] {
    match server {
        ServerType::Vllm => VLLM,
        ServerType::Sglang => SGLANG,
        ServerType::Tgi => TGI,
        ServerType::Mock => &[],
    }
}

/// Position of `name` among the names of one meaning: the first that a page has counts, so that one that a server
/// writes under two names is not counted twice.
fn rank(name: &str, names: &[&str]) -> Option<usize> {
    let base = name.strip_suffix("_total").unwrap_or(name);
    names.iter().position(|known| *known == base)
}

/// True if `name` says something that reports want to know of a server of this kind.
pub fn is_known(server: ServerType, name: &str) -> bool {
    entries(server).iter().any(|(_, names)| rank(name, names).is_some())
}

/// All meanings that a server of this kind has names for, in order, each with the name among `present` that says it.
pub fn resolve<'a>(
    server: ServerType,
    present: &(impl Iterator<Item = &'a str> + Clone),
) -> Vec<(Meaning, Option<&'a str>)> {
    let named = |names: &'static [&'static str]| {
        // With one base name both ways, the one with `_total` comes first.
        let ranked =
            present.clone().filter_map(|name| Some((rank(name, names)?, !name.ends_with("_total"), name)));
        ranked.min().map(|(_, _, name)| name)
    };
    entries(server).iter().map(|(meaning, names)| (*meaning, named(names))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_says_each_thing() {
        let present = [
            "vllm:prompt_tokens",
            "vllm:prompt_tokens_total",
            "vllm:gpu_cache_usage_perc",
            "vllm:kv_cache_usage_perc",
            "vllm:prompt_tokens_created",
        ];
        let found = resolve(ServerType::Vllm, &present.into_iter());
        let of = |meaning| found.iter().find(|(found, _)| *found == meaning).and_then(|(_, name)| *name);
        assert_eq!(of(Meaning::PromptTokens), Some("vllm:prompt_tokens_total"));
        assert_eq!(of(Meaning::KvCacheUsage), Some("vllm:kv_cache_usage_perc"));
        assert_eq!(of(Meaning::Running), None);
        assert!(!is_known(ServerType::Vllm, "vllm:prompt_tokens_created"));
    }

    #[test]
    fn a_name_may_say_two_things() {
        let found = resolve(ServerType::Sglang, &["sglang:prompt_tokens_total"].into_iter());
        let saying: Vec<_> = found.iter().filter(|(_, name)| name.is_some()).map(|(what, _)| *what).collect();
        assert_eq!(saying, [Meaning::PrefixQueries, Meaning::PromptTokens]);
        assert!(is_known(ServerType::Tgi, "tgi_queue_size") && !is_known(ServerType::Mock, "tgi_queue_size"));
    }
}
