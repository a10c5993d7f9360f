//! Rules of conversations and of sources of sessions.

use super::Faults;
use crate::config::{
    ConversationReplay, Data, Distribution, DistributionType, HubDataset, OtelTraceReplay, SyntheticAgentic,
    WekaTraceReplay,
};

/// Tokens that a conversation keeps free for the server's own additions.
const CONVERSATION_RESERVE: f64 = 200.0;
/// `max_model_len` and the length of answers of a conversation where not given, tokens.
const CONVERSATION_MODEL_LEN: u64 = 225_000;
const CONVERSATION_OUTPUT: f64 = 256.0;
/// Tokens that one tool's description takes in a made-up session.
const TOOL_TOKENS: f64 = 380.0;

pub(super) fn check(data: &Data, faults: &mut Faults<'_>) {
    if let Some(conversation) = &data.conversation_replay {
        check_conversation(conversation, faults);
    }
    if let Some(otel) = &data.otel_trace_replay {
        check_otel(otel, faults);
    }
    if let Some(weka) = &data.weka_trace_replay {
        check_weka(weka, faults);
    }
    if let Some(agentic) = &data.synthetic_agentic {
        check_agentic(agentic, faults);
    }
}

fn check_conversation(conversation: &ConversationReplay, faults: &mut Faults<'_>) {
    let longest = conversation.output_tokens_per_turn.as_ref().map_or(CONVERSATION_OUTPUT, |output| {
        if output.kind == DistributionType::Fixed { output.mean } else { output.max as f64 }
    });
    let limit = conversation.max_model_len.unwrap_or(CONVERSATION_MODEL_LEN);
    if longest + CONVERSATION_RESERVE >= limit as f64 {
        faults.add(
            "data.conversation_replay.max_model_len",
            format!("{limit} leaves no room for a prompt: answers take up to {longest} tokens, and 200 are kept free"),
            "raise it, or shorten output_tokens_per_turn",
        );
    }
}

/// Exactly one source of traces must be given.
fn check_source(
    section: &str,
    sources: (Option<&String>, Option<&Vec<String>>, Option<&HubDataset>),
    faults: &mut Faults<'_>,
) {
    let given = [sources.0.is_some(), sources.1.is_some(), sources.2.is_some()];
    if given.iter().filter(|given| **given).count() != 1 {
        faults.add(
            format!("data.{section}"),
            "needs exactly one source of traces",
            "give one of trace_directory, trace_files and hf_dataset_path",
        );
    }
}

fn add_model_faults(section: &str, found: Vec<(&str, &str)>, faults: &mut Faults<'_>) {
    for (key, fault) in found {
        faults.add(
            format!("data.{section}.{key}"),
            fault,
            "give use_static_model: true and static_model_name together, or neither",
        );
    }
}

fn check_otel(otel: &OtelTraceReplay, faults: &mut Faults<'_>) {
    let section = "otel_trace_replay";
    add_model_faults(section, otel.model_faults(), faults);
    let sources = (otel.trace_directory.as_ref(), otel.trace_files.as_ref(), otel.hf_dataset_path.as_ref());
    check_source(section, sources, faults);
    let excludes = [
        ("inject_random_session_id", otel.inject_random_session_id),
        ("duplicate_sessions_target", otel.duplicate_sessions_target.is_some()),
    ];
    for (key, given) in excludes {
        if otel.disable_output_substitution && given {
            faults.add(
                format!("data.{section}.{key}"),
                "excludes disable_output_substitution: true",
                "keep one of the two",
            );
        }
    }
}

fn check_weka(weka: &WekaTraceReplay, faults: &mut Faults<'_>) {
    let section = "weka_trace_replay";
    add_model_faults(section, weka.model_faults(), faults);
    let sources = (weka.trace_directory.as_ref(), weka.trace_files.as_ref(), weka.hf_dataset_path.as_ref());
    check_source(section, sources, faults);
}

fn check_agentic(agentic: &SyntheticAgentic, faults: &mut Faults<'_>) {
    let key = |name: &str| format!("data.synthetic_agentic.{name}");
    add_model_faults("synthetic_agentic", agentic.model_faults(), faults);
    let pinned = [
        ("inject_random_session_id", agentic.inject_random_session_id, "false"),
        ("duplicate_sessions_target", agentic.duplicate_sessions_target.is_some(), "null"),
        ("skip_invalid_files", agentic.skip_invalid_files, "false"),
        ("include_errors", !agentic.include_errors, "true"),
    ];
    for (name, changed, only) in pinned {
        if changed {
            faults.add(key(name), format!("can only be {only} for made-up sessions"), "remove it");
        }
    }
    let weights: Vec<f64> = agentic.theme_mix.values().map(super::super::ThemeWeight::value).collect();
    if weights.iter().any(|weight| *weight < 0.0) || weights.iter().sum::<f64>() <= 0.0 {
        faults.add(
            key("theme_mix"),
            "the weights must not be below 0 and must sum to more than 0",
            "give at least one theme a weight above 0",
        );
    }
    if let Some(limit) = agentic.max_model_len {
        let peak = longest_context(agentic);
        if peak > limit as f64 {
            faults.add(
                key("max_model_len"),
                format!("sessions can grow to {peak} tokens, which is above {limit}"),
                "raise it, or shorten the sessions",
            );
        }
    }
}

/// Greatest value that a distribution gives, tokens or counts.
fn ceiling(distribution: &Distribution) -> f64 {
    if distribution.kind == DistributionType::Fixed {
        distribution.mean.ceil()
    } else {
        distribution.max as f64
    }
}

/// Tokens that a made-up session's context can grow to.
fn longest_context(agentic: &SyntheticAgentic) -> f64 {
    let or =
        |distribution: &Option<Distribution>, fallback: f64| distribution.as_ref().map_or(fallback, ceiling);
    let input = ceiling(&agentic.input_tokens_per_turn);
    let output = ceiling(&agentic.output_tokens_per_turn);
    let calls = or(&agentic.tool_loop_depth, 2.0).max(0.0);
    let parallel = or(&agentic.parallel_tool_calls_per_step, 1.0).max(1.0);
    let turn = input + calls * (output + parallel * output);
    let catalog = TOOL_TOKENS * or(&agentic.tool_catalog_size_per_agent, 8.0);
    let turns = ceiling(&agentic.turns_per_session);
    agentic.shared_system_prompt_len as f64 + catalog + (turns * turn).max(turn) + output
}
