//! What is wrong is said with place, key, fault and remedy, all of it at once.

use insta::assert_snapshot;

use super::{LEAST, accept, read, refusal};

/// The refusal of `more` after what a configuration needs at least; it stands in lines 3 and following.
fn refusal_of(more: &str) -> String {
    refusal(&format!("{LEAST}{more}"))
}

#[test]
fn nothing_at_all() {
    assert_snapshot!(refusal(""), @r"
config.yml:1:1: load.stages: there is nothing to run (give at least one stage, for example {rate: 5, duration: 180}, or load.sweep)
config.yml:1:1: server.base_url: is missing (add `base_url: …`, text, meaning: address of the server, for example `http://qwen3-vllm.default:8000`)
");
    assert_eq!(refusal("# only a comment\n"), refusal(""));
    assert_eq!(refusal("{}\n"), refusal(""));
}

#[test]
fn not_yaml() {
    assert_snapshot!(refusal("server:\n  base_url: [http://a\nload: {}\n"), @r"config.yml:3:5: `:` is not expected here (put text that contains `:` into quotes)");
    assert_snapshot!(refusal("server:\n\tbase_url: http://a\n"), @r"config.yml:2:2: a tab stands where spaces are needed (indent with spaces)");
}

#[test]
fn not_a_mapping() {
    assert_snapshot!(refusal("just text\n"), @r"config.yml:1:1: must be a mapping, is text (write `key: value` lines below it)");
}

#[test]
fn unknown_keys_name_the_nearest() {
    assert_snapshot!(refusal("lod: {}\nserver: {base_url: http://a, baseurl: http://b}\nload: {stages: [{rate: 1, durations: 2}]}\n"), @r"
config.yml:1:1: lod: unknown key (did you mean `load`?)
config.yml:2:30: server.baseurl: unknown key (did you mean `base_url`?)
config.yml:3:17: load.stages[0].duration: is missing (add `duration: …`, a whole number, meaning: length of the sending window, whole seconds)
config.yml:3:27: load.stages[0].durations: unknown key (did you mean `duration`?)
");
}

#[test]
fn missing_base_url() {
    assert_snapshot!(refusal("load: {stages: [{rate: 1, duration: 1}]}\nserver:\n  model_name: m\n"), @r"config.yml:3:3: server.base_url: is missing (add `base_url: …`, text, meaning: address of the server, for example `http://qwen3-vllm.default:8000`)");
}

#[test]
fn empty_stages() {
    assert_snapshot!(refusal("server: {base_url: http://a}\nload:\n  stages: []\n"), @r"config.yml:3:11: load.stages: there is nothing to run (give at least one stage, for example {rate: 5, duration: 180}, or load.sweep)");
}

#[test]
fn stages_out_of_range() {
    assert_snapshot!(refusal("
server: {base_url: http://a}
load:
  stages:
    - {rate: -5, duration: 180}
    - {rate: 0, duration: 0}
    - {rate: fast, duration: 1.5}
    - {rate: 1}
    - 7
  sweep: {num_stages: 2}
  worker_max_concurrency: 0
"), @r"
config.yml:5:14: load.stages[0].rate: must be greater than 0, is -5 (meaning: requests per second)
config.yml:6:14: load.stages[1].rate: must be greater than 0, is 0 (meaning: requests per second)
config.yml:6:27: load.stages[1].duration: must be at least 1, is 0 (meaning: length of the sending window, whole seconds)
config.yml:7:14: load.stages[2].rate: must be a number, is `fast` (meaning: requests per second)
config.yml:7:30: load.stages[2].duration: must be a whole number, is 1.5 (meaning: length of the sending window, whole seconds)
config.yml:8:7: load.stages[3].duration: is missing (add `duration: …`, a whole number, meaning: length of the sending window, whole seconds)
config.yml:9:7: load.stages[4]: must be a mapping, is a number (write `key: value` lines below it)
config.yml:10:10: load.sweep.type: is missing (add `type: …`, one of geometric, linear, meaning: how the rates are spread)
config.yml:11:27: load.worker_max_concurrency: 0 lets no request through (give 1 or more)
");
}

#[test]
fn stages_of_another_load_type() {
    assert_snapshot!(refusal("
server: {base_url: http://a}
load: {type: concurrent, stages: [{rate: 5, duration: 180}]}
"), @r"
config.yml:3:35: load.stages[0].concurrency_level: is missing (add `concurrency_level: …`, a whole number, meaning: requests in flight)
config.yml:3:35: load.stages[0].num_requests: is missing (add `num_requests: …`, a whole number, meaning: requests in all)
");
    assert_snapshot!(refusal("
server: {base_url: http://a}
load: {stages: [{rate: 5, duration: 180, num_requests: 10}, {num_requests: 10, concurrency_level: 2}]}
"), @r"
config.yml:3:61: load.stages[1].duration: is missing (add `duration: …`, a whole number, meaning: length of the sending window, whole seconds)
config.yml:3:61: load.stages[1].rate: is missing (add `rate: …`, a number, meaning: requests per second)
");
    assert_snapshot!(refusal("
server: {base_url: http://a}
load: {stages: [{rate: 5, duration: 180, num_requests: 10, concurrency_level: null}]}
"), @r"config.yml:3:56: load.stages[0].num_requests: is only for load type concurrent (remove it, or set load.type: concurrent)");
    assert_snapshot!(refusal("
server: {base_url: http://a}
load: {type: trace_session_replay, stages: [{concurrent_sessions: 2, session_rate: 3}]}
"), @r"
config.yml:3:14: load.type: trace_session_replay needs a data type that has sessions (set data.type: otel_trace_replay, weka_trace_replay or synthetic_agentic, or another load.type)
config.yml:3:84: load.stages[0].session_rate: 3 is above concurrent_sessions, 2 (lower the rate, or raise concurrent_sessions)
");
}

#[test]
fn several_problems_at_once() {
    assert_snapshot!(refusal("
api: {type: grpc, streaming: maybe}
data:
  type: synthetic
  input_distribution: {min: 10, max: 5}
load:
  stages:
    - {rate: -1, duration: 10}
  worker: 3
server: {model_name: 7}
"), @r"
config.yml:2:13: api.type: must be one of completion, chat, anthropic_messages; is `grpc`
config.yml:2:30: api.streaming: must be true or false, is `maybe` (meaning: ask for the answer as a stream of server-sent events)
config.yml:4:3: data.output_distribution: is missing, and this data type takes its lengths from it (write for example {type: normal, mean: 512, std_dev: 128, min: 128, max: 2048})
config.yml:5:29: data.input_distribution.min: 10 is above max, 5 (give both, min not above max; where not given they are 10 and 1024)
config.yml:8:14: load.stages[0].rate: must be greater than 0, is -1 (meaning: requests per second)
config.yml:9:3: load.worker: unknown key (known keys: type, interval, stages, sweep, num_workers, worker_max_concurrency, worker_max_tcp_connections, trace, circuit_breakers, request_timeout, request_retries, request_retry_backoff_sec, stage_teardown_grace_seconds, lora_traffic_split, base_seed)
config.yml:10:9: server.base_url: is missing (add `base_url: …`, text, meaning: address of the server, for example `http://qwen3-vllm.default:8000`)
config.yml:10:22: server.model_name: must be text, is a number (put it into quotes)
");
}

#[test]
fn addresses() {
    for (url, fault) in [
        ("''", "is not an http or https address: relative URL without a base"),
        ("localhost:8000", "is not an http or https address"),
        ("ftp://a", "is not an http or https address"),
        ("'http://'", "is not an http or https address: empty host"),
        ("http://a:99999", "is not an http or https address: invalid port number"),
    ] {
        let problem =
            refusal(&format!("load: {{stages: [{{rate: 1, duration: 1}}]}}\nserver: {{base_url: {url}}}\n"));
        let expected = format!(
            "config.yml:2:20: server.base_url: {fault} (write for example http://qwen3-vllm.default:8000)"
        );
        assert_eq!(problem, expected);
    }
    let problem =
        refusal("load: {stages: [{rate: 1, duration: 1}]}\nserver: {base_url: 'http://me:hunter2@a'}\n");
    assert_snapshot!(problem, @r"config.yml:2:20: server.base_url: has a user name or password in it, which every report would show (leave them out; credentials go into server.api_key or api.headers, which are masked)");
    assert!(!problem.contains("hunter2"));
}

#[test]
fn distributions() {
    assert_snapshot!(refusal_of("
data:
  type: synthetic
  input_distribution: {variance: 4, std_dev: 3}
  output_distribution: {type: lognormal, mean: 0, std_dev: -1}
"), @r"
config.yml:6:34: data.input_distribution.variance: std_dev is given too and does not agree (give either std_dev or variance)
config.yml:7:60: data.output_distribution.std_dev: must be at least 0, is -1 (meaning: standard deviation)
");
    assert_snapshot!(refusal_of("
data:
  type: random
  input_distribution: {max: 5}
  output_distribution: {type: normale, variance: -1, men: 3}
"), @r"
config.yml:6:23: data.input_distribution.min: 10 is above max, 5 (give both, min not above max; where not given they are 10 and 1024)
config.yml:7:31: data.output_distribution.type: unknown value `normale` (did you mean `normal`? allowed: normal, skew_normal, lognormal, uniform, poisson, fixed)
config.yml:7:50: data.output_distribution.variance: must be at least 0, is -1 (meaning: square of the standard deviation, in its place: give one of the two)
config.yml:7:54: data.output_distribution.men: unknown key (did you mean `min`?)
");
    assert_snapshot!(refusal_of("data: {type: synthetic}\n"), @r"
config.yml:3:7: data.input_distribution: is missing, and this data type takes its lengths from it (write for example {type: normal, mean: 512, std_dev: 128, min: 128, max: 2048})
config.yml:3:7: data.output_distribution: is missing, and this data type takes its lengths from it (write for example {type: normal, mean: 512, std_dev: 128, min: 128, max: 2048})
");
}

#[test]
fn settings_that_do_not_go_together() {
    assert_snapshot!(refusal_of("data: {type: mock, input_distribution: {}, shared_prefix: {}, use_chat_template: true}\n"), @r"
config.yml:3:40: data.input_distribution: data types mock and visionarena do not draw lengths (remove it, or choose another data.type, for example synthetic)
config.yml:3:59: data.shared_prefix: is only for data type shared_prefix (remove it, or set data.type: shared_prefix)
config.yml:3:82: data.use_chat_template: is only for data type random (remove it, or set data.type: random)
");
    assert_snapshot!(refusal_of("data: {type: conversation_replay}\napi: {type: chat}\n"), @r"
config.yml:3:7: data.conversation_replay: is missing, and this data type needs it (add data.conversation_replay; {} takes the defaults where there are some)
");
    assert_snapshot!(refusal_of("data: {type: otel_trace_replay, otel_trace_replay: {}}\n"), @r"
config.yml:1:1: api.type: this data type cannot be sent by this API (set api.type: chat or anthropic_messages, or choose another data.type)
config.yml:3:14: data.type: replays sessions, which needs load type trace_session_replay (set load.type: trace_session_replay and stages of sessions)
config.yml:3:52: data.otel_trace_replay: needs exactly one source of traces (give one of trace_directory, trace_files and hf_dataset_path)
");
    assert_snapshot!(refusal_of("
data:
  type: shared_prefix
  shared_prefix: {num_groups: 1, num_unique_system_prompts: 2, question_len: {}, question_distribution: {}, num_prompts_per_group: 0}
"), @r"
config.yml:6:18: data.shared_prefix.num_users_per_system_prompt: 0 leaves no prompts (give 1 or more)
config.yml:6:19: data.shared_prefix.num_groups: is another name of num_unique_system_prompts, which is given too (keep one of the two)
config.yml:6:105: data.shared_prefix.question_distribution: question_len is a distribution already (keep one of the two)
");
}

#[test]
fn limits_of_sessions() {
    assert_snapshot!(refusal_of("
data:
  type: mock
  conversation_replay: {max_model_len: 456}
  otel_trace_replay:
    trace_directory: a
    trace_files: [b]
    use_static_model: true
    disable_output_substitution: true
    inject_random_session_id: true
  synthetic_agentic:
    num_sessions: 1
    input_tokens_per_turn: {type: fixed, mean: 100}
    output_tokens_per_turn: {type: fixed, mean: 50}
    include_errors: false
    theme_mix: {a: -1}
    max_model_len: 4389
"), @r"
config.yml:6:40: data.conversation_replay.max_model_len: 456 leaves no room for a prompt: answers take up to 256 tokens, and 200 are kept free (raise it, or shorten output_tokens_per_turn)
config.yml:8:5: data.otel_trace_replay: needs exactly one source of traces (give one of trace_directory, trace_files and hf_dataset_path)
config.yml:8:5: data.otel_trace_replay.static_model_name: use_static_model needs the name of the model (give use_static_model: true and static_model_name together, or neither)
config.yml:12:31: data.otel_trace_replay.inject_random_session_id: excludes disable_output_substitution: true (keep one of the two)
config.yml:17:21: data.synthetic_agentic.include_errors: can only be true for made-up sessions (remove it)
config.yml:18:16: data.synthetic_agentic.theme_mix: the weights must not be below 0 and must sum to more than 0 (give at least one theme a weight above 0)
config.yml:19:20: data.synthetic_agentic.max_model_len: sessions can grow to 4390 tokens, which is above 4389 (raise it, or shorten the sessions)
");
    accept(&format!("{LEAST}data: {{conversation_replay: {{max_model_len: 1225}}}}\n"));
}

#[test]
fn load_limits() {
    assert_snapshot!(refusal("
server: {base_url: http://a}
load:
  type: trace_replay
  interval: 1e10
  stages: [{rate: 1, duration: 5000000000}, {rate: 1.0e+300, duration: 180}]
  worker_max_concurrency: 0
  request_timeout: -1
  request_retries: 1.5
  circuit_breakers: [slow]
  lora_traffic_split: [{name: a, split: 0.5}, {name: b, split: 0.4}]
"), @r#"
config.yml:4:3: load.trace: load type trace_replay needs a file of time stamps (give load.trace.file)
config.yml:5:13: load.interval: 10000000000 seconds are more than 1000000000 (give a shorter time)
config.yml:6:32: load.stages[0].duration: 5000000000 seconds are more than 1000000000 (give a shorter time)
config.yml:6:52: load.stages[1].rate: rate times duration is more than 1e12 requests (lower the rate or the duration)
config.yml:7:27: load.worker_max_concurrency: 0 lets no request through (give 1 or more)
config.yml:8:20: load.request_timeout: must be at least 0, is -1 (meaning: longest time that a request may take, seconds; 300 if not given or 0)
config.yml:9:20: load.request_retries: must be a whole number, is 1.5 (meaning: how often a failed request is sent again)
config.yml:10:22: load.circuit_breakers[0]: there is no circuit breaker named "slow" (define it under circuit_breakers)
config.yml:11:23: load.lora_traffic_split: the splits sum to 0.9, not to 1 (make them sum to 1, or leave the list out)
"#);
    assert_snapshot!(refusal("
server: {base_url: http://a}
circuit_breakers: [{name: errors, metrics: {matches: [error], ignored: 1}, triggers: []}]
load:
  circuit_breakers: [slow]
  lora_traffic_split: [{name: a, split: 1.5}, {name: b, split: -0.5}]
  sweep: {type: exponential, num_stages: 0, saturation_percentile: 101}
"), @r#"
config.yml:5:22: load.circuit_breakers[0]: there is no circuit breaker named "slow" (defined are errors)
config.yml:6:64: load.lora_traffic_split[1].split: -0.5 is below 0 (give a share from 0 to 1)
config.yml:7:17: load.sweep.type: must be one of geometric, linear; is `exponential`
config.yml:7:42: load.sweep.num_stages: must be at least 1, is 0 (meaning: stages to run after the burst)
config.yml:7:68: load.sweep.saturation_percentile: must be at most 100, is 101 (meaning: percentile of observed rates taken as the limit, by upstream's estimator alone)
"#);
    assert_snapshot!(refusal("
server: {base_url: http://a}
load: {type: concurrent, sweep: {type: linear}, stages: [{num_requests: 1, concurrency_level: 1}]}
"), @r"config.yml:3:33: load.sweep: a sweep varies the rate, which this load type does not have (remove it, or set load.type: constant)");
}

#[test]
fn laws_of_another_load_type() {
    assert_snapshot!(refusal_of("extensions: {load: {burstiness: 0.5}}\n"), @r"config.yml:3:33: extensions.load.burstiness: is only for load type poisson (remove it, or set load.type: poisson)");
    assert_snapshot!(refusal("
server: {base_url: http://a}
load: {type: poisson, stages: [{rate: 1, duration: 1}]}
extensions: {load: {pacing: even}}
"), @r"config.yml:4:29: extensions.load.pacing: is only for load type constant (remove it, or set load.type: constant)");
    for burstiness in ["0", "-1", ".inf", ".nan"] {
        let text =
            format!("{LEAST}load: {{type: poisson}}\nextensions: {{load: {{burstiness: {burstiness}}}}}\n");
        assert!(refusal(&text).contains("extensions.load.burstiness"), "{burstiness}: {}", refusal(&text));
    }
}

#[test]
fn formats_of_traces() {
    let format = "data: {type: synthetic, path: a, input_distribution: {}, output_distribution: {}}\nextensions: {data_format: own}\n";
    assert_snapshot!(refusal_of(format), @"config.yml:4:27: extensions.data_format: there is no file whose rows it is about (set data.type: shareGPT with data.path, or remove it)");
    let format = "extensions: {trace_format: mooncake}\n";
    assert_snapshot!(refusal_of(format), @"config.yml:3:28: extensions.trace_format: there is no trace to read (give load.trace or data.trace, or remove it)");
    assert_snapshot!(refusal_of(&format!("data: {{type: random, trace: 5}}\n{format}")), @"config.yml:3:29: data.trace: must be a mapping, is a number (write `key: value` lines below it)");
}

#[test]
fn concurrent_stages_that_cannot_be() {
    assert_snapshot!(refusal("
server: {base_url: http://a}
load: {type: concurrent, stages: [{num_requests: 2000000000000, concurrency_level: 0}]}
"), @r"config.yml:3:84: load.stages[0].concurrency_level: must be at least 1, is 0 (meaning: requests in flight)");
    assert_snapshot!(refusal("
server: {base_url: http://a}
load: {type: concurrent, stages: [{num_requests: 2000000000000, concurrency_level: 1}]}
"), @r"config.yml:3:50: load.stages[0].num_requests: is more than 1e12 requests (lower it)");
}

#[test]
fn sweeps() {
    assert_snapshot!(refusal("
server: {base_url: http://a}
load: {sweep: {type: linear, num_requests: 2000000, num_stages: 1001, timeout: 1e10}}
"), @r"
config.yml:3:44: load.sweep.num_requests: 2000000 is more than 1000000 (give a smaller number)
config.yml:3:65: load.sweep.num_stages: 1001 is more than 1000 (give a smaller number)
config.yml:3:80: load.sweep.timeout: 10000000000 seconds are more than 1000000000 (give a shorter time)
");
    assert_snapshot!(refusal("
server: {base_url: http://a}
load: {stages: [{rate: 1, duration: 1}]}
extensions: {load: {sweep_estimator: upstream}}
"), @"config.yml:4:38: extensions.load.sweep_estimator: there is no sweep to estimate for (give load.sweep, or remove it)");
}

#[test]
fn surroundings() {
    assert_snapshot!(refusal_of("
metrics: {type: prometheus, prometheus: {url: 'http://a', google_managed: true}}
report: {request_lifecycle: {percentiles: [50, 101]}}
storage: {simple_storage_service: {bucket_name: '', endpoint_url: minio}}
tokenizer: {load_timeout: 0}
"), @r"
config.yml:4:47: metrics.prometheus.url: excludes google_managed: true (keep one of the two)
config.yml:5:48: report.request_lifecycle.percentiles[1]: must be at most 100, is 101
config.yml:6:49: storage.simple_storage_service.bucket_name: is empty (name the bucket, or leave out storage.simple_storage_service)
config.yml:6:67: storage.simple_storage_service.endpoint_url: is not an http or https address: relative URL without a base (write for example http://minio:9000)
config.yml:7:27: tokenizer.load_timeout: must be greater than 0, is 0 (meaning: longest time that loading may take, seconds; null is no limit)
");
    assert_snapshot!(refusal("
load: {stages: [{rate: 1, duration: 1}]}
data: {type: synthetic, input_distribution: {}, output_distribution: {}}
api: {type: anthropic_messages}
server: {base_url: http://a, type: sglang, cert_path: c}
metrics: {type: prometheus, prometheus: {}}
"), @r"
config.yml:4:13: api.type: servers of type sglang and tgi have no anthropic_messages API (use api.type completion or chat, or server.type vllm)
config.yml:5:55: server.cert_path: a certificate needs its key (give key_path too)
config.yml:6:41: metrics.prometheus: does not say where Prometheus is (give url, or google_managed: true)
");
    assert_snapshot!(refusal("
load: {stages: [{rate: 1, duration: 1}]}
data: {type: synthetic, input_distribution: {}, output_distribution: {}}
server: {base_url: http://a, type: mock, key_path: k}
"), @r"
config.yml:2:1: tokenizer.pretrained_model_name_or_path: this data type needs a tokenizer, and server type mock does not imply one (give the name or the folder of a tokenizer)
config.yml:4:52: server.key_path: a key needs its certificate (give cert_path too)
");
}

/// Upstream ignores unknown keys here and nowhere else.
#[test]
fn unknown_keys_under_circuit_breakers_are_ignored() {
    accept(&format!(
        "{LEAST}circuit_breakers: [{{name: a, note: x, metrics: {{matches: [y], z: 1}}, \
         triggers: [{{type: consecutive, threshold: 1, w: 1}}]}}]\n"
    ));
}

#[test]
fn secrets_do_not_show_in_problems() {
    for text in [
        "server: {api_key: [hunter2], base_url: http://a}",
        "server: {api_key: {hunter2: hunter2}, base_url: http://a}",
        "api: {headers: {authorization: [hunter2]}}",
        "tokenizer: {token: 7777777}",
    ] {
        let problems = read(text).expect_err("not valid").to_string();
        assert!(!problems.contains("hunter2") && !problems.contains("7777777"), "{problems}");
    }
}
