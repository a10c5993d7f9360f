//! Rules of `data`, and of what it asks of `api` and `load`.

use super::{Faults, multimodal};
use crate::config::read::Sections;
use crate::config::{
    ApiType, Data, DataType, Distribution, DistributionType, Extensions, LengthOrDistribution, LoadType,
};

/// Prompts of `shared_prefix` at most: their order is kept in memory.
const MOST_PROMPTS: u64 = 1 << 24;

pub(super) fn check(sections: &Sections, faults: &mut Faults<'_>) {
    let Some(data) = &sections.data else { return };
    for (key, distribution) in data.distributions() {
        check_distribution(&key, distribution, faults);
    }
    check_settings_given(data, faults);
    check_lengths_given(data, faults);
    check_misplaced(data, faults);
    check_shared_prefix(data, faults);
    multimodal::check(data, faults);
    check_data_format(data, sections.extensions.as_ref().and_then(Option::as_ref), faults);
    if let Some(api) = &sections.api {
        check_api(data, api.kind, faults);
    }
    if let Some(load) = &sections.load {
        check_load(data, load.kind, faults);
    }
}

fn check_distribution(key: &str, distribution: &Distribution, faults: &mut Faults<'_>) {
    if distribution.contradicts_itself() {
        faults.add(
            format!("{key}.variance"),
            "std_dev is given too and does not agree",
            "give either std_dev or variance",
        );
    }
    if distribution.min > distribution.max {
        faults.add(
            format!("{key}.min"),
            format!("{} is above max, {}", distribution.min, distribution.max),
            "give both, min not above max; where not given they are 10 and 1024",
        );
    }
    if distribution.kind == DistributionType::Lognormal && distribution.mean <= 0.0 {
        faults.add(format!("{key}.mean"), "a lognormal distribution needs a mean above 0", "raise it");
    }
}

/// The block of settings that a data type cannot do without.
fn check_settings_given(data: &Data, faults: &mut Faults<'_>) {
    let (key, given) = match data.kind {
        DataType::SharedPrefix => ("shared_prefix", data.shared_prefix.is_some()),
        DataType::OtelTraceReplay => ("otel_trace_replay", data.otel_trace_replay.is_some()),
        DataType::WekaTraceReplay => ("weka_trace_replay", data.weka_trace_replay.is_some()),
        DataType::ConversationReplay => ("conversation_replay", data.conversation_replay.is_some()),
        DataType::VisionArena => ("visionarena", data.visionarena.is_some()),
        DataType::SyntheticAgentic => ("synthetic_agentic", data.synthetic_agentic.is_some()),
        DataType::InfinityInstruct | DataType::BillsumConversations => ("path", data.path.is_some()),
        DataType::Mock
        | DataType::ShareGpt
        | DataType::Synthetic
        | DataType::Random
        | DataType::CnnDailymail => return,
    };
    if !given {
        let remedy = match key {
            "path" => "give the file or folder of the data set".to_owned(),
            _ => format!("add data.{key}; {{}} takes the defaults where there are some"),
        };
        faults.add(format!("data.{key}"), "is missing, and this data type needs it", remedy);
    }
}

fn check_lengths_given(data: &Data, faults: &mut Faults<'_>) {
    let needed = data.draws_lengths() && faults.is_sound("data.trace");
    for (key, given) in
        [("input_distribution", &data.input_distribution), ("output_distribution", &data.output_distribution)]
    {
        if needed && given.is_none() {
            faults.add(
                format!("data.{key}"),
                "is missing, and this data type takes its lengths from it",
                "write for example {type: normal, mean: 512, std_dev: 128, min: 128, max: 2048}",
            );
        }
    }
}

/// Settings that the data type does not take.
fn check_misplaced(data: &Data, faults: &mut Faults<'_>) {
    if matches!(data.kind, DataType::Mock | DataType::VisionArena) {
        for (key, given) in [
            ("input_distribution", &data.input_distribution),
            ("output_distribution", &data.output_distribution),
        ] {
            if given.is_some() {
                faults.add(
                    format!("data.{key}"),
                    "data types mock and visionarena do not draw lengths",
                    "remove it, or choose another data.type, for example synthetic",
                );
            }
        }
    }
    if data.shared_prefix.is_some() && data.kind != DataType::SharedPrefix && !data.kind.is_session() {
        faults.add(
            "data.shared_prefix",
            "is only for data type shared_prefix",
            "remove it, or set data.type: shared_prefix",
        );
    }
    if data.use_chat_template && data.kind != DataType::Random {
        faults.add(
            "data.use_chat_template",
            "is only for data type random",
            "remove it, or set data.type: random",
        );
    }
}

fn check_data_format(data: &Data, extensions: Option<&Extensions>, faults: &mut Faults<'_>) {
    let is_given = extensions.is_some_and(|extensions| extensions.data_format.is_some());
    let has_rows = data.kind.is_data_set() && data.path.is_some();
    if is_given && !has_rows && faults.is_sound("data.path") {
        faults.add(
            "extensions.data_format",
            "there is no file whose rows it is about",
            "set data.type: shareGPT with data.path, or remove it",
        );
    }
}

fn check_shared_prefix(data: &Data, faults: &mut Faults<'_>) {
    let Some(prefix) = &data.shared_prefix else { return };
    let pairs = [
        ("question_distribution", &prefix.question_distribution, "question_len", &prefix.question_len),
        ("output_distribution", &prefix.output_distribution, "output_len", &prefix.output_len),
    ];
    for (old, distribution, new, length) in pairs {
        if distribution.is_some() && matches!(length, LengthOrDistribution::Distribution(_)) {
            faults.add(
                format!("data.shared_prefix.{old}"),
                format!("{new} is a distribution already"),
                "keep one of the two",
            );
        }
    }
    for (key, number) in [
        ("num_unique_system_prompts", prefix.num_groups),
        ("num_users_per_system_prompt", prefix.num_prompts_per_group),
    ] {
        if number == 0 {
            faults.add(format!("data.shared_prefix.{key}"), "0 leaves no prompts", "give 1 or more");
        }
    }
    let prompts = prefix.num_groups.saturating_mul(prefix.num_prompts_per_group);
    if prompts > MOST_PROMPTS {
        faults.add(
            "data.shared_prefix.num_users_per_system_prompt",
            format!("makes {prompts} prompts of all groups together; there can be {MOST_PROMPTS} at most"),
            "lower it, or num_unique_system_prompts",
        );
    }
    for (key, length) in [
        ("system_prompt_len", &prefix.system_prompt_len),
        ("question_len", &prefix.question_len),
        ("output_len", &prefix.output_len),
    ] {
        if let LengthOrDistribution::Length(tokens @ ..0) = length {
            faults.add(
                format!("data.shared_prefix.{key}"),
                format!("must be 0 or greater, is {tokens}"),
                "give a number of tokens",
            );
        }
    }
}

/// The APIs that a data type can be sent by.
fn apis(data: &Data) -> &'static [ApiType] {
    use ApiType::{AnthropicMessages, Chat, Completion};
    match data.kind {
        DataType::Synthetic | DataType::SharedPrefix if data.has_media() => &[Chat],
        DataType::VisionArena => &[Chat],
        DataType::InfinityInstruct | DataType::BillsumConversations => &[Completion, Chat],
        DataType::OtelTraceReplay | DataType::WekaTraceReplay | DataType::SyntheticAgentic => {
            &[Chat, AnthropicMessages]
        }
        DataType::Mock
        | DataType::ShareGpt
        | DataType::Synthetic
        | DataType::Random
        | DataType::SharedPrefix
        | DataType::ConversationReplay
        | DataType::CnnDailymail => &[Completion, Chat, AnthropicMessages],
    }
}

fn check_api(data: &Data, api: ApiType, faults: &mut Faults<'_>) {
    if data.use_chat_template && data.kind == DataType::Random && api != ApiType::Completion {
        faults.add(
            "data.use_chat_template",
            "is for the completion API: by the others the server itself applies its chat template",
            "remove it, or set api.type: completion",
        );
    }
    let apis = apis(data);
    if !apis.contains(&api) {
        let names: Vec<&str> = apis
            .iter()
            .map(|api| match api {
                ApiType::Completion => "completion",
                ApiType::Chat => "chat",
                ApiType::AnthropicMessages => "anthropic_messages",
            })
            .collect();
        faults.add(
            "api.type",
            "this data type cannot be sent by this API",
            format!("set api.type: {}, or choose another data.type", names.join(" or ")),
        );
    }
}

fn check_load(data: &Data, load: LoadType, faults: &mut Faults<'_>) {
    if data.kind.is_session() && load != LoadType::TraceSessionReplay {
        faults.add(
            "data.type",
            "replays sessions, which needs load type trace_session_replay",
            "set load.type: trace_session_replay and stages of sessions",
        );
    }
    if load == LoadType::TraceSessionReplay && !data.kind.is_session() {
        faults.add(
            "load.type",
            "trace_session_replay needs a data type that has sessions",
            "set data.type: otel_trace_replay, weka_trace_replay or synthetic_agentic, or another load.type",
        );
    }
}
