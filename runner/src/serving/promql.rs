//! What Prometheus is asked about a server: upstream's queries, in upstream's order.
//!
//! They differ from upstream's where that one is wrong with more than one pod or with its window: gauges are put together
//! over all series instead of taken from the first one, and the mean rate of a counter is one over the window instead of
//! one over the window before it.

use std::fmt::Write as _;

use benchmark_schemas::config::ServerType;

/// A metric that Prometheus is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// What it is called in reports.
    pub field: &'static str,
    /// What is asked of it.
    pub kind: Kind,
    /// Its name at the server.
    pub name: &'static str,
}

/// Kinds of metrics, with what is asked of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Counts up.
    Counter,
    /// Rises and falls; over all pods it adds up.
    Sum,
    /// Rises and falls; over all pods it is averaged.
    Mean,
    /// Counts in buckets.
    Histogram,
}

/// What a query gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Figure {
    /// Increase over the window.
    Total,
    /// Mean value.
    Mean,
    /// Median.
    Median,
    /// 90th percentile.
    P90,
    /// 99th percentile.
    P99,
    /// Rate, per second.
    PerSecond,
}

impl Kind {
    /// What its queries give, in order.
    pub fn figures(self) -> &'static [Figure] {
        use Figure::{Mean, Median, P90, P99, PerSecond, Total};
        match self {
            Self::Counter => &[Total, Mean, PerSecond],
            Self::Sum | Self::Mean => &[Mean, Median, P90, P99],
            Self::Histogram => &[Mean, Median, P90, P99, PerSecond],
        }
    }
}

const fn counter(field: &'static str, name: &'static str) -> Metric {
    Metric { field, kind: Kind::Counter, name }
}

const fn histogram(field: &'static str, name: &'static str) -> Metric {
    Metric { field, kind: Kind::Histogram, name }
}

const fn gauge(field: &'static str, kind: Kind, name: &'static str) -> Metric {
    Metric { field, kind, name }
}

const VLLM: &[Metric] = &[
    counter("prompt_tokens", "vllm:prompt_tokens"),
    counter("output_tokens", "vllm:generation_tokens"),
    counter("requests", "vllm:request_success"),
    histogram("request_latency", "vllm:e2e_request_latency_seconds"),
    gauge("queue_length", Kind::Sum, "vllm:num_requests_waiting"),
    histogram("time_per_output_token", "vllm:request_time_per_output_token_seconds"),
    histogram("time_to_first_token", "vllm:time_to_first_token_seconds"),
    histogram("inter_token_latency", "vllm:inter_token_latency_seconds"),
    gauge("kv_cache_usage", Kind::Mean, "vllm:kv_cache_usage_perc"),
    gauge("num_requests_running", Kind::Sum, "vllm:num_requests_running"),
    counter("request_success_count", "vllm:request_success"),
    counter("num_preemptions_total", "vllm:num_preemptions"),
    counter("prefix_cache_hits", "vllm:prefix_cache_hits"),
    counter("prefix_cache_queries", "vllm:prefix_cache_queries"),
    counter("external_prefix_cache_hits", "vllm:external_prefix_cache_hits"),
    counter("external_prefix_cache_queries", "vllm:external_prefix_cache_queries"),
    counter("mm_cache_hits", "vllm:mm_cache_hits"),
    counter("mm_cache_queries", "vllm:mm_cache_queries"),
    counter("prompt_tokens_cached", "vllm:prompt_tokens_cached"),
    counter("corrupted_requests", "vllm:corrupted_requests"),
    histogram("request_queue_time", "vllm:request_queue_time_seconds"),
    histogram("request_inference_time", "vllm:request_inference_time_seconds"),
    histogram("request_prefill_time", "vllm:request_prefill_time_seconds"),
    histogram("request_decode_time", "vllm:request_decode_time_seconds"),
    histogram("request_prompt_tokens", "vllm:request_prompt_tokens"),
    histogram("request_generation_tokens", "vllm:request_generation_tokens"),
    histogram("request_max_num_generation_tokens", "vllm:request_max_num_generation_tokens"),
    histogram("request_params_n", "vllm:request_params_n"),
    histogram("request_params_max_tokens", "vllm:request_params_max_tokens"),
    histogram("iteration_tokens", "vllm:iteration_tokens_total"),
    histogram("request_prefill_kv_computed_tokens", "vllm:request_prefill_kv_computed_tokens"),
    histogram("kv_block_idle_before_evict", "vllm:kv_block_idle_before_evict_seconds"),
    histogram("kv_block_lifetime", "vllm:kv_block_lifetime_seconds"),
    histogram("kv_block_reuse_gap", "vllm:kv_block_reuse_gap_seconds"),
];

const SGLANG: &[Metric] = &[
    counter("prompt_tokens", "sglang:prompt_tokens_total"),
    counter("output_tokens", "sglang:generation_tokens_total"),
    counter("requests", "sglang:e2e_request_latency_seconds_count"),
    histogram("request_latency", "sglang:e2e_request_latency_seconds"),
    gauge("queue_length", Kind::Sum, "sglang:num_queue_reqs"),
    histogram("time_per_output_token", "sglang:time_per_output_token_seconds"),
    histogram("time_to_first_token", "sglang:time_to_first_token_seconds"),
    histogram("inter_token_latency", "sglang:inter_token_latency_seconds"),
    gauge("kv_cache_usage", Kind::Mean, "sglang:token_usage"),
];

const TGI: &[Metric] = &[
    histogram("prompt_tokens", "tgi_request_input_length"),
    histogram("output_tokens", "tgi_request_generated_tokens"),
    counter("requests", "tgi_request_success"),
    histogram("request_latency", "tgi_request_duration"),
    gauge("queue_length", Kind::Sum, "tgi_queue_size"),
    histogram("time_per_output_token", "tgi_request_mean_time_per_token_duration"),
];

/// The metrics of a kind of server, in the order in which they are asked for.
pub fn metrics(server: ServerType) -> &'static [Metric] {
    match server {
        ServerType::Vllm => VLLM,
        ServerType::Sglang => SGLANG,
        ServerType::Tgi => TGI,
        ServerType::Mock => &[],
    }
}

/// Label matchers of all queries: the model where the server tells it, then the user's own.
pub fn matchers(server: ServerType, model: &str, filters: &[String]) -> String {
    let mut all = Vec::new();
    if matches!(server, ServerType::Vllm | ServerType::Sglang) {
        let model = model.replace('\\', r"\\").replace('\'', r"\'").replace('\n', r"\n");
        all.push(format!("model_name='{model}'"));
    }
    all.extend(filters.iter().cloned());
    all.join(",")
}

/// All queries about a server over a window of `seconds`.
pub fn queries(server: ServerType, matchers: &str, seconds: f64) -> Vec<String> {
    // Half a second goes to the even one, as upstream's formatting has it.
    let window = format!("{:.0}s", seconds.max(0.0));
    let about = |metric: &Metric| of_metric(*metric, matchers, &window);
    metrics(server).iter().flat_map(about).collect()
}

fn of_metric(metric: Metric, matchers: &str, window: &str) -> Vec<String> {
    let Metric { name, kind, .. } = metric;
    let quantiles = ["0.5", "0.9", "0.99"];
    let over = format!("{{{matchers}}}[{window}]");
    match kind {
        Kind::Counter => {
            let rate = of_counter("rate", name, &over);
            vec![
                format!("sum({})", of_counter("increase", name, &over)),
                format!("avg({rate})"),
                format!("sum({rate})"),
            ]
        }
        Kind::Sum | Kind::Mean => {
            let together = if kind == Kind::Sum { "sum" } else { "avg" };
            let quantiles =
                quantiles.iter().map(|q| format!("{together}(quantile_over_time({q}, {name}{over}))"));
            std::iter::once(format!("{together}(avg_over_time({name}{over}))")).chain(quantiles).collect()
        }
        Kind::Histogram => {
            let rate = |part: &str| format!("sum(rate({name}_{part}{over}))");
            let mut all = vec![format!("{} / ({} > 0)", rate("sum"), rate("count"))];
            all.extend(
                quantiles.iter().map(|q| format!("histogram_quantile({q}, {} by (le))", rate("bucket"))),
            );
            all.push(rate("count"));
            all
        }
    }
}

/// `function` of a counter that may be exposed with `_total` or without. Both names are written out: Google's Prometheus
/// takes no pattern for a name.
fn of_counter(function: &str, name: &str, over: &str) -> String {
    let base = name.strip_suffix("_total").unwrap_or(name);
    let mut text = String::new();
    // Part of a histogram, which has no other name.
    if !["_count", "_sum", "_bucket"].iter().any(|part| base.ends_with(part)) {
        let _ = write!(text, "{function}({base}_total{over}) or ");
    }
    let _ = write!(text, "{function}({base}{over})");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_as_upstreams() {
        let count = |server| queries(server, "", 30.0).len();
        let counts = [ServerType::Vllm, ServerType::Sglang, ServerType::Tgi, ServerType::Mock].map(count);
        assert_eq!(counts, [141, 37, 27, 0]);
    }

    #[test]
    fn each_kind_has_its_queries() {
        let matchers = matchers(ServerType::Vllm, "org/it's", &["pod=\"a\"".to_owned()]);
        let of = |name: &str| {
            let metric = VLLM.iter().find(|metric| metric.name == name).expect("is asked for");
            of_metric(*metric, &matchers, "62s").join("\n")
        };
        insta::assert_snapshot!(of("vllm:prompt_tokens"), @r#"
        sum(increase(vllm:prompt_tokens_total{model_name='org/it\'s',pod="a"}[62s]) or increase(vllm:prompt_tokens{model_name='org/it\'s',pod="a"}[62s]))
        avg(rate(vllm:prompt_tokens_total{model_name='org/it\'s',pod="a"}[62s]) or rate(vllm:prompt_tokens{model_name='org/it\'s',pod="a"}[62s]))
        sum(rate(vllm:prompt_tokens_total{model_name='org/it\'s',pod="a"}[62s]) or rate(vllm:prompt_tokens{model_name='org/it\'s',pod="a"}[62s]))
        "#);
        insta::assert_snapshot!(of("vllm:kv_cache_usage_perc"), @r#"
        avg(avg_over_time(vllm:kv_cache_usage_perc{model_name='org/it\'s',pod="a"}[62s]))
        avg(quantile_over_time(0.5, vllm:kv_cache_usage_perc{model_name='org/it\'s',pod="a"}[62s]))
        avg(quantile_over_time(0.9, vllm:kv_cache_usage_perc{model_name='org/it\'s',pod="a"}[62s]))
        avg(quantile_over_time(0.99, vllm:kv_cache_usage_perc{model_name='org/it\'s',pod="a"}[62s]))
        "#);
        insta::assert_snapshot!(of("vllm:iteration_tokens_total"), @r#"
        sum(rate(vllm:iteration_tokens_total_sum{model_name='org/it\'s',pod="a"}[62s])) / (sum(rate(vllm:iteration_tokens_total_count{model_name='org/it\'s',pod="a"}[62s])) > 0)
        histogram_quantile(0.5, sum(rate(vllm:iteration_tokens_total_bucket{model_name='org/it\'s',pod="a"}[62s])) by (le))
        histogram_quantile(0.9, sum(rate(vllm:iteration_tokens_total_bucket{model_name='org/it\'s',pod="a"}[62s])) by (le))
        histogram_quantile(0.99, sum(rate(vllm:iteration_tokens_total_bucket{model_name='org/it\'s',pod="a"}[62s])) by (le))
        sum(rate(vllm:iteration_tokens_total_count{model_name='org/it\'s',pod="a"}[62s]))
        "#);
    }

    #[test]
    fn parts_of_histograms_have_one_name_and_windows_are_whole_seconds() {
        let matchers = matchers(ServerType::Tgi, "m", &[]);
        assert_eq!(matchers, "");
        assert_eq!(of_counter("rate", "a_count", "{}[1s]"), "rate(a_count{}[1s])");
        assert_eq!(of_counter("rate", "a_total", "{}[1s]"), "rate(a_total{}[1s]) or rate(a{}[1s])");
        for (seconds, shown) in [(2.5, "2s"), (3.5, "4s"), (61.49, "61s"), (-1.0, "0s")] {
            let first = queries(ServerType::Tgi, "", seconds).swap_remove(0);
            assert!(first.contains(&format!("[{shown}]")), "{first}");
        }
    }
}
