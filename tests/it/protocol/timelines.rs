//! The server's sequences of reference §3.8, as timelines: what comes when,
//! and what the session says to it.

use chinwag::{
    audio::{Nanos, ReplyId},
    protocol::{Close, Reaction, Session, SessionSettings},
};

use super::brief::{events, ready};

const AUDIO: &str = r#"{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm;rate=24000","data":"AQA="}}]}}}"#;
const GENERATED: &str = r#"{"serverContent":{"generationComplete":true}}"#;
const TURN: &str = r#"{"serverContent":{"turnComplete":true}}"#;
const INTERRUPTED: &str = r#"{"serverContent":{"interrupted":true}}"#;
const BUNDLED: &str = r#"{"serverContent":{"interrupted":true,"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"AQA="}}]}}}"#;

/// What happens at a time in milliseconds, and the events that follow.
type Step<'a> = (u64, &'a str, &'a [&'a str]);

fn play(session: &mut Session, steps: &[Step<'_>]) {
    for (at, message, expected) in steps {
        session.receive(Nanos::from_ms(*at), message.as_bytes());
        assert_eq!(events(session), *expected, "after {message} at {at} ms");
    }
}

fn fresh() -> Session {
    ready(SessionSettings::default())
}

#[test]
fn normal_a_reply_is_generated_then_complete_and_the_next_has_another_id() {
    play(
        &mut fresh(),
        &[
            (0, r#"{"serverContent":{"inputTranscription":{"text":" hi"}}}"#, &["user \" hi\""]),
            (1, AUDIO, &["audio 0 [1] 24000"]),
            (
                2,
                r#"{"serverContent":{"outputTranscription":{"text":"We"},"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"AgA="}}]}}}"#,
                &["audio 0 [2] 24000", "model \"We\""],
            ),
            (3, GENERATED, &["generated 0"]),
            (
                400,
                r#"{"serverContent":{"turnComplete":true},"usageMetadata":{"promptTokenCount":2,"responseTokenCount":3,"totalTokenCount":5}}"#,
                &["turn 0", "usage 2+3+0+0=5"],
            ),
            (900, AUDIO, &["audio 1 [1] 24000"]),
        ],
    );
}

#[test]
fn barge_in_drops_the_rest_of_the_reply_until_its_turn_is_complete() {
    let mut session = fresh();
    play(
        &mut session,
        &[
            (0, AUDIO, &["audio 0 [1] 24000"]),
            (10, INTERRUPTED, &["interrupted 0"]),
            (20, AUDIO, &[]),
            (30, TURN, &["turn 0"]),
            (40, AUDIO, &["audio 1 [1] 24000"]),
        ],
    );
    assert_eq!(session.counters().stale_audio_parts, 1);
    assert_eq!(session.counters().interruptions, 1);
}

#[test]
fn barge_in_without_a_turn_complete_ends_by_itself_after_3_s() {
    play(
        &mut fresh(),
        &[
            (0, AUDIO, &["audio 0 [1] 24000"]),
            (10, INTERRUPTED, &["interrupted 0"]),
            (3_009, AUDIO, &[]),
            (3_010, AUDIO, &["audio 1 [1] 24000"]),
            (3_020, TURN, &["turn 1"]),
        ],
    );
}

#[test]
fn late_after_generation_interrupts_the_reply_that_still_plays() {
    play(
        &mut fresh(),
        &[
            (0, AUDIO, &["audio 0 [1] 24000"]),
            (1, GENERATED, &["generated 0"]),
            (2, INTERRUPTED, &["interrupted 0"]),
            (3, TURN, &["turn 0"]),
            (4, AUDIO, &["audio 1 [1] 24000"]),
        ],
    );
}

#[test]
fn late_after_the_turn_interrupts_the_last_reply_and_does_not_mute_the_next() {
    let mut session = fresh();
    play(
        &mut session,
        &[
            (0, AUDIO, &["audio 0 [1] 24000"]),
            (1, TURN, &["turn 0"]),
            (2, INTERRUPTED, &["interrupted 0"]),
            (3, AUDIO, &["audio 1 [1] 24000"]),
        ],
    );
    assert_eq!(session.counters().late_interruptions, 1);
    assert_eq!(session.counters().stale_audio_parts, 0);
}

#[test]
fn early_an_interruption_before_any_audio_names_the_last_reply_that_had_some() {
    let mut session = fresh();
    play(
        &mut session,
        &[
            (0, INTERRUPTED, &[]),
            (1, TURN, &["turn 0"]),
            (2, AUDIO, &["audio 1 [1] 24000"]),
            (3, TURN, &["turn 1"]),
            (4, TURN, &["turn 2"]),
            (5, INTERRUPTED, &["interrupted 1"]),
            (6, TURN, &["turn 3"]),
            (7, AUDIO, &["audio 4 [1] 24000"]),
        ],
    );
    assert_eq!(session.counters().empty_turns, 3);
}

#[test]
fn bundled_audio_in_the_interrupting_message_is_stale_too() {
    let mut session = fresh();
    play(
        &mut session,
        &[
            (0, AUDIO, &["audio 0 [1] 24000"]),
            (1, BUNDLED, &["interrupted 0"]),
            (2, TURN, &["turn 0"]),
            (3, BUNDLED, &["interrupted 0"]),
            (4, AUDIO, &["audio 1 [1] 24000"]),
        ],
    );
    assert_eq!(session.counters().stale_audio_parts, 2);
}

#[test]
fn phantom_interruptions_are_counted_and_mute_nothing() {
    let mut session = fresh();
    play(
        &mut session,
        &[
            (0, AUDIO, &["audio 0 [1] 24000"]),
            (1, TURN, &["turn 0"]),
            (2, INTERRUPTED, &["interrupted 0"]),
            (3, INTERRUPTED, &["interrupted 0"]),
            (4, TURN, &["turn 1"]),
            (5, AUDIO, &["audio 2 [1] 24000"]),
        ],
    );
    assert_eq!(session.counters().phantom_interruptions, 1);
}

#[test]
fn empty_a_turn_without_content_is_said_to_be_complete() {
    let mut session = fresh();
    play(&mut session, &[(0, TURN, &["turn 0"]), (1, AUDIO, &["audio 1 [1] 24000"])]);
    assert_eq!(session.counters().empty_turns, 1);
}

#[test]
fn tool_a_call_is_answered_at_once_and_cuts_no_audio() {
    let mut session = fresh();
    play(
        &mut session,
        &[
            (0, AUDIO, &["audio 0 [1] 24000"]),
            (
                1,
                r#"{"toolCall":{"functionCalls":[{"id":"fc-1","name":"lamp","args":{"on":true}}]}}"#,
                &["call lamp fc-1"],
            ),
            (2, AUDIO, &["audio 0 [1] 24000"]),
        ],
    );
    let mut out = String::new();
    assert!(session.poll_transmit(&mut out));
    assert_eq!(
        out,
        r#"{"toolResponse":{"functionResponses":[{"id":"fc-1","name":"lamp","response":{"error":"this client has no tool called \"lamp\""}}]}}"#
    );
    assert!(!session.poll_transmit(&mut out));
    play(
        &mut session,
        &[
            (3, AUDIO, &["audio 0 [1] 24000"]),
            (4, GENERATED, &["generated 0"]),
            (5, TURN, &["turn 0"]),
        ],
    );
}

#[test]
fn thinking38_a_turn_in_progress_gets_a_new_id_and_is_not_idle() {
    play(
        &mut fresh(),
        &[
            (0, AUDIO, &["audio 0 [1] 24000"]),
            (
                1,
                r#"{"serverContent":{"turnComplete":true,"interactionStatus":"IN_PROGRESS"}}"#,
                &["turn 0 goes on"],
            ),
            (2, AUDIO, &["audio 1 [1] 24000"]),
            (
                3,
                r#"{"serverContent":{"turnComplete":true,"interactionStatus":"IDLE"}}"#,
                &["turn 1"],
            ),
        ],
    );
}

#[test]
fn resume_uses_the_newest_handle_that_was_resumable() {
    let mut session = fresh();
    play(
        &mut session,
        &[
            (
                0,
                r#"{"sessionResumptionUpdate":{"newHandle":"H1","resumable":true}}"#,
                &["resumable true"],
            ),
            (
                1,
                r#"{"sessionResumptionUpdate":{"newHandle":"H2","resumable":true}}"#,
                &["resumable true"],
            ),
            (2, AUDIO, &["audio 0 [1] 24000"]),
            (3, r#"{"sessionResumptionUpdate":{"resumable":false}}"#, &["resumable true"]),
            (
                4,
                r#"{"sessionResumptionUpdate":{"newHandle":"","resumable":true}}"#,
                &["resumable true"],
            ),
            (5, r#"{"sessionResumptionUpdate":{}}"#, &["resumable true"]),
        ],
    );
    let verdict = session.disconnected(Nanos::from_ms(6), Close::new(1006, ""));
    assert_eq!(verdict.reaction, Reaction::Resume);
    assert_eq!(events(&mut session), ["lost 0"]);
    session.connected(Nanos::from_ms(7));
    let mut out = String::new();
    assert!(session.poll_transmit(&mut out));
    assert!(out.contains(r#""sessionResumption":{"handle":"H2"}"#), "{out}");
    play(
        &mut session,
        &[(8, r#"{"setupComplete":{}}"#, &["ready -"]), (9, AUDIO, &["audio 1 [1] 24000"])],
    );
    assert_eq!(session.counters().resumed, 1);
}

#[test]
fn goaway_says_what_is_left_and_the_close_that_follows_resumes() {
    for (code, reason) in [
        (1011, "Deadline expired before operation could complete."),
        (1008, "The operation was aborted."),
        (1006, ""),
    ] {
        let mut session = fresh();
        play(
            &mut session,
            &[
                (
                    0,
                    r#"{"sessionResumptionUpdate":{"newHandle":"H","resumable":true}}"#,
                    &["resumable true"],
                ),
                (1, r#"{"goAway":{"timeLeft":"50s"}}"#, &["going away 50000"]),
                (2, AUDIO, &["audio 0 [1] 24000"]),
                (3, TURN, &["turn 0"]),
            ],
        );
        let verdict = session.disconnected(Nanos::from_secs(50), Close::new(code, reason));
        assert_eq!(verdict.reaction, Reaction::Resume, "{code} {reason}");
    }
}

#[test]
fn our_own_cut_drops_the_rest_without_an_event() {
    let mut session = fresh();
    play(&mut session, &[(0, AUDIO, &["audio 0 [1] 24000"])]);
    session.cut(Nanos::from_ms(1), ReplyId(0));
    play(
        &mut session,
        &[
            (2, AUDIO, &[]),
            (3, INTERRUPTED, &["interrupted 0"]),
            (4, TURN, &["turn 0"]),
            (5, AUDIO, &["audio 1 [1] 24000"]),
        ],
    );
    session.cut(Nanos::from_ms(6), ReplyId(0));
    play(&mut session, &[(7, AUDIO, &["audio 1 [1] 24000"])]);
    assert_eq!(session.counters().cuts, 1);
}

#[test]
fn several_things_in_one_message_all_happen() {
    play(
        &mut fresh(),
        &[
            (
                0,
                r#"{"serverContent":{},"voiceActivity":{"type":"ACTIVITY_END","audioOffset":"1s"}}"#,
                &["voice end 1000"],
            ),
            (
                1,
                r#"{"goAway":{"timeLeft":"9s"},"usageMetadata":{"totalTokenCount":1},"toolCall":{"functionCalls":[{"name":"f"}]},"serverContent":{"turnComplete":true,"generationComplete":true,"waitingForInput":true},"sessionResumptionUpdate":{"resumable":false}}"#,
                &[
                    "resumable false",
                    "generated 0",
                    "waiting",
                    "turn 0",
                    "call f -",
                    "usage 0+0+0+0=1",
                    "going away 9000",
                ],
            ),
        ],
    );
}
