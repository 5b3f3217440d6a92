//! Each invariant can fail.

use super::*;
use crate::audio::{FrameTime, Note, TurnMode};

fn fresh(manual: bool) -> Invariants {
    Invariants::new(manual, None)
}

fn sent(kind: SentKind, to: i64, frames: usize) -> Sent {
    let at = FrameTime::start(Rate::UPLINK, 0).plus(to);
    Sent { kind, at, samples: vec![0; frames] }
}

fn note(kind: NoteKind) -> WorkerNote {
    let note = Note::now(kind, FrameTime::start(Rate::UPLINK, 0));
    WorkerNote { note, seen_at: Nanos::ZERO, playback: false }
}

fn noted(kinds: &[NoteKind]) -> Vec<String> {
    let mut invariants = fresh(true);
    let notes: Vec<WorkerNote> = kinds.iter().map(|kind| note(*kind)).collect();
    invariants.noted(&notes, 0, Rate::DOWNLINK);
    invariants.broken
}

#[test]
fn a_floor_that_does_not_follow_from_what_happened_is_seen() {
    let user = NoteKind::Floor(FloorState::User);
    assert!(noted(&[NoteKind::WindowOpened, user]).is_empty());
    assert!(noted(&[NoteKind::WindowOpened])[0].contains("should be User"));
    assert!(noted(&[user])[0].contains("should be Free"));
    assert!(noted(&[NoteKind::WindowOpened, user, user])[0].contains("twice"));
    assert!(noted(&[NoteKind::WindowOpened, NoteKind::WindowOpened, user])[0].contains("onsets"));
}

#[test]
fn windows_that_do_not_open_and_close_in_turn_are_seen() {
    use SentKind::{ActivityEnd, ActivityStart, Audio};
    let broken = |packets: &[Sent]| {
        let mut invariants = fresh(true);
        for packet in packets {
            invariants.sent(packet, 0);
        }
        invariants.broken
    };
    let start = || sent(ActivityStart, 0, 0);
    let audio = || sent(Audio, 320, 320);
    assert!(broken(&[start(), audio(), sent(ActivityEnd, 320, 0)]).is_empty());
    assert!(!broken(&[audio()]).is_empty());
    assert!(!broken(&[start(), audio(), audio()]).is_empty());
    assert!(!broken(&[start(), sent(Audio, 640, 160)]).is_empty());
    assert!(!broken(&[sent(ActivityEnd, 0, 0)]).is_empty());
}

#[test]
fn a_position_that_was_passed_is_seen_but_a_mode_may_change_before_the_first() {
    use SentKind::{Audio, ModeChanged};
    let broken = |packets: &[Sent]| {
        let mut invariants = fresh(false);
        for packet in packets {
            invariants.sent(packet, 0);
        }
        invariants.broken
    };
    let changed = |at| sent(ModeChanged(TurnMode::Hybrid), at, 0);
    let delayed = || sent(Audio, 225, 320);
    assert!(broken(&[changed(0), delayed()]).is_empty());
    assert!(broken(&[delayed(), changed(225), sent(Audio, 545, 320)]).is_empty());
    assert!(broken(&[delayed(), delayed()])[0].contains("was sent before"));
    assert!(broken(&[delayed(), changed(0)])[0].contains("was sent before"));
}

#[test]
fn the_sound_of_a_reply_that_was_cut_is_heard() {
    let mut invariants = fresh(true);
    let started = [NoteKind::ReplyStarted(ReplyId(0)), NoteKind::Floor(FloorState::Model)];
    let reply = ReplyId(0);
    let cut = [NoteKind::ReplyCut { reply, heard_frames: 9 }, NoteKind::Floor(FloorState::Free)];
    for kinds in [started, cut] {
        invariants.noted(&kinds.map(note), 1_000, Rate::DOWNLINK);
    }
    invariants.played(1_000, &[0.5; 192]);
    assert_eq!(invariants.broken, Vec::<String>::new());
    invariants.played(1_192, &[0.5; 1]);
    assert!(invariants.broken[0].contains("of a cut reply"));
}

#[test]
fn a_complaint_of_the_service_is_heard() {
    let complain = |change: fn(&mut Heard)| {
        let (mut invariants, mut heard) = (fresh(true), Heard::default());
        change(&mut heard);
        invariants.heard(&heard);
        invariants.broken.len()
    };
    assert_eq!(complain(|heard| heard.messages.activity_start = 1), 0);
    assert_eq!(complain(|heard| heard.messages.activity_start = 2), 1);
    assert_eq!(complain(|heard| heard.messages.activity_end = 1), 1);
    assert_eq!(complain(|heard| heard.violations.odd_bytes = 1), 1);
}

#[test]
fn who_spins_while_time_stands_still_is_seen() {
    let mut invariants = fresh(true);
    invariants.stepped(true, "link");
    (0..STEPS_AT_ONCE_MAX).for_each(|_| invariants.stepped(false, "link"));
    assert!(invariants.broken.is_empty());
    invariants.stepped(false, "link");
    assert!(invariants.broken[0].contains("time stands still for \"link\""));
}
