//! What the session counts.

use crate::{
    measure::figures::Figures,
    protocol::{Refusals, SessionCounters, Usage},
};

/// Messages and what came of them.
pub(super) fn session(list: &mut Figures, counters: &SessionCounters) {
    let SessionCounters {
        connections,
        resumed,
        messages,
        garbage_messages,
        unknown_messages,
        salvaged_messages,
        overlong_fields,
        unexpected_messages,
        audio_parts,
        stale_audio_parts,
        stale_text_parts,
        bad_audio_parts,
        other_media_parts,
        thought_parts,
        interruptions,
        late_interruptions,
        phantom_interruptions,
        cuts,
        turns,
        empty_turns,
        tool_calls,
        tool_responses_refused,
        texts_refused,
        events_refused,
        refused,
        usage,
    } = counters;
    for (name, help, count) in [
        ("connections", "connections opened", connections),
        ("connections_resumed", "connections on which the session was resumed", resumed),
        ("messages", "messages of the service", messages),
        ("messages_garbage", "of these, not JSON objects", garbage_messages),
        ("messages_unknown", "of these, about nothing we know", unknown_messages),
        ("messages_salvaged", "of these, used in part", salvaged_messages),
        ("messages_unexpected", "messages out of their place", unexpected_messages),
        ("fields_overlong", "texts and handles too long to keep whole", overlong_fields),
        ("audio_parts", "audio parts of replies", audio_parts),
        ("audio_parts_stale", "audio parts of a reply that was cut", stale_audio_parts),
        ("text_parts_stale", "text parts of a reply that was cut", stale_text_parts),
        ("audio_parts_bad", "audio parts that were not base64", bad_audio_parts),
        ("other_media_parts", "parts of another kind than PCM", other_media_parts),
        ("thought_parts", "parts with thoughts", thought_parts),
        ("interruptions", "replies that the service interrupted", interruptions),
        ("interruptions_late", "the same after the reply was complete", late_interruptions),
        ("interruptions_phantom", "the same with nothing to interrupt", phantom_interruptions),
        ("cuts", "replies that we cut", cuts),
        ("turns", "turns of the model", turns),
        ("turns_empty", "of these, without any content", empty_turns),
        ("tool_calls", "tool calls, each answered with an error", tool_calls),
        ("tool_responses_refused", "answers to tool calls without room", tool_responses_refused),
        ("texts_refused", "texts of the user without room", texts_refused),
        ("session_events_refused", "events of the session without room", events_refused),
    ] {
        list.add_count(name, help, *count);
    }
    refusals(list, refused);
    tokens(list, usage);
}

/// What would have been wrong to send.
fn refusals(list: &mut Figures, refused: &Refusals) {
    let Refusals {
        not_ready,
        empty_audio,
        audio_outside_window,
        stray_start,
        stray_end,
        activity_in_automatic,
        stream_end_in_manual,
        stray_stream_end,
    } = refused;
    for (reason, count) in [
        ("no_session", not_ready),
        ("empty_audio", empty_audio),
        ("audio_outside_window", audio_outside_window),
        ("stray_start", stray_start),
        ("stray_end", stray_end),
        ("activity_in_automatic", activity_in_automatic),
        ("stream_end_in_manual", stream_end_in_manual),
        ("stray_stream_end", stray_stream_end),
    ] {
        let help = "items that would have been wrong to send, by reason";
        list.add_count_of("session_refused", help, ("reason", reason), *count);
    }
}

fn tokens(list: &mut Figures, usage: &Usage) {
    let Usage {
        prompt_tokens,
        cached_tokens,
        response_tokens,
        tool_prompt_tokens,
        thought_tokens,
        total_tokens,
    } = usage;
    for (kind, count) in [
        ("prompt", prompt_tokens),
        ("cached", cached_tokens),
        ("response", response_tokens),
        ("tool_prompt", tool_prompt_tokens),
        ("thought", thought_tokens),
        ("all", total_tokens),
    ] {
        list.add_count_of("tokens", "tokens as the service counts them", ("kind", kind), *count);
    }
}
