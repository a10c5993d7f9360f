//! All distributions of `data`, with the paths of their keys.

use super::super::distribution::{Distribution, LengthOrDistribution, PointOrDistribution};
use super::{ConversationReplay, Data, Multimodal, SharedPrefix, SyntheticAgentic};

/// Pairs of key path and distribution.
type Found<'a> = Vec<(String, &'a Distribution)>;

impl Data {
    /// Every distribution that is given, with its dotted path.
    pub(in crate::config) fn distributions(&self) -> Found<'_> {
        let mut found = Found::new();
        add(&mut found, "data", "input_distribution", self.input_distribution.as_ref());
        add(&mut found, "data", "output_distribution", self.output_distribution.as_ref());
        if let Some(prefix) = &self.shared_prefix {
            of_shared_prefix(&mut found, prefix);
        }
        if let Some(multimodal) = &self.multimodal {
            of_multimodal(&mut found, "data.multimodal", multimodal);
        }
        if let Some(conversation) = &self.conversation_replay {
            of_conversation(&mut found, conversation);
        }
        if let Some(arena) = &self.visionarena {
            add(&mut found, "data.visionarena", "insertion_point", point(arena.insertion_point.as_ref()));
        }
        if let Some(agentic) = &self.synthetic_agentic {
            of_agentic(&mut found, agentic);
        }
        found
    }
}

fn add<'a>(found: &mut Found<'a>, section: &str, key: &str, distribution: Option<&'a Distribution>) {
    if let Some(distribution) = distribution {
        found.push((format!("{section}.{key}"), distribution));
    }
}

fn point(point: Option<&PointOrDistribution>) -> Option<&Distribution> {
    match point {
        Some(PointOrDistribution::Distribution(distribution)) => Some(distribution),
        Some(PointOrDistribution::Point(_)) | None => None,
    }
}

fn length(length: &LengthOrDistribution) -> Option<&Distribution> {
    match length {
        LengthOrDistribution::Distribution(distribution) => Some(distribution),
        LengthOrDistribution::Length(_) => None,
    }
}

fn of_shared_prefix<'a>(found: &mut Found<'a>, prefix: &'a SharedPrefix) {
    let section = "data.shared_prefix";
    add(found, section, "system_prompt_len", length(&prefix.system_prompt_len));
    add(found, section, "question_len", length(&prefix.question_len));
    add(found, section, "output_len", length(&prefix.output_len));
    add(found, section, "question_distribution", prefix.question_distribution.as_ref());
    add(found, section, "output_distribution", prefix.output_distribution.as_ref());
    if let Some(multimodal) = &prefix.multimodal {
        of_multimodal(found, "data.shared_prefix.multimodal", multimodal);
    }
}

fn of_multimodal<'a>(found: &mut Found<'a>, section: &str, multimodal: &'a Multimodal) {
    if let Some(image) = &multimodal.image {
        add(found, section, "image.count", image.count.as_ref().and_then(length));
        add(found, section, "image.insertion_point", point(image.insertion_point.as_ref()));
    }
    if let Some(video) = &multimodal.video {
        add(found, section, "video.count", video.count.as_ref().and_then(length));
        add(found, section, "video.insertion_point", point(video.insertion_point.as_ref()));
    }
    if let Some(audio) = &multimodal.audio {
        add(found, section, "audio.count", audio.count.as_ref().and_then(length));
        add(found, section, "audio.insertion_point", point(audio.insertion_point.as_ref()));
    }
}

fn of_conversation<'a>(found: &mut Found<'a>, conversation: &'a ConversationReplay) {
    let section = "data.conversation_replay";
    add(found, section, "dynamic_system_prompt_len", conversation.dynamic_system_prompt_len.as_ref());
    add(found, section, "turns_per_conversation", conversation.turns_per_conversation.as_ref());
    add(found, section, "input_tokens_per_turn", conversation.input_tokens_per_turn.as_ref());
    add(found, section, "output_tokens_per_turn", conversation.output_tokens_per_turn.as_ref());
    add(found, section, "tool_call_latency_sec", conversation.tool_call_latency_sec.as_ref());
}

fn of_agentic<'a>(found: &mut Found<'a>, agentic: &'a SyntheticAgentic) {
    let section = "data.synthetic_agentic";
    add(found, section, "input_tokens_per_turn", Some(&agentic.input_tokens_per_turn));
    add(found, section, "output_tokens_per_turn", Some(&agentic.output_tokens_per_turn));
    add(found, section, "turns_per_session", Some(&agentic.turns_per_session));
    add(found, section, "tool_loop_depth", agentic.tool_loop_depth.as_ref());
    add(found, section, "sub_agents_per_spawn", agentic.sub_agents_per_spawn.as_ref());
    add(found, section, "tool_catalog_size_per_agent", agentic.tool_catalog_size_per_agent.as_ref());
    add(found, section, "parallel_tool_calls_per_step", agentic.parallel_tool_calls_per_step.as_ref());
    add(found, section, "tool_call_latency_sec", agentic.tool_call_latency_sec.as_ref());
    add(found, section, "user_think_time_sec", agentic.user_think_time_sec.as_ref());
    if let Some(compaction) = &agentic.context_compaction {
        add(found, section, "context_compaction.trigger_tokens", Some(&compaction.trigger_tokens));
        add(found, section, "context_compaction.target_tokens", Some(&compaction.target_tokens));
    }
}
