//! What must add up: every frame of audio is somewhere, was sent, or was
//! counted as lost; every counter only rises; nothing is heard twice; no
//! connection begins before the one before it is over.

use std::sync::Arc;

use crate::{
    audio::{Downlink, DownlinkPacket, ReplyId},
    link::LinkCounters,
    sim::service::Heard,
};

type Kept = Result<(), String>;

/// The books of one world.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Frames that the worker gave the link.
    given: u64,
    /// Frames that the link put on the wire, over all connections.
    wired: u64,
    /// Of these, on the connection that stands.
    sent: u64,
    /// Of these, those that reached the service.
    arrived: u64,
    /// Frames that the link gave the worker.
    delivered: u64,
    connected: bool,
    counted: Vec<(&'static str, u64)>,
    /// What the model may say: no two replies have the same sound.
    replies: Option<Arc<[Vec<i16>]>>,
    /// The reply that the worker got last, and where in which of the replies
    /// it goes on.
    reply: Option<(ReplyId, usize, usize)>,
    collisions: u64,
}

/// Samples by which a place in a reply is found.
const NEEDLE: usize = 8;

impl Ledger {
    /// `replies`: what the model says, where that is known.
    pub(super) fn new(replies: Option<Arc<[Vec<i16>]>>) -> Self {
        Self { replies, ..Self::default() }
    }

    /// The service does not send its replies as they are any more.
    pub(super) fn forget_replies(&mut self) {
        self.replies = None;
    }

    /// The worker gave the link so many frames.
    pub(super) fn given(&mut self, frames: usize) {
        self.given += frames as u64;
    }

    /// The link put so many frames on the wire.
    pub(super) fn sent(&mut self, frames: usize) {
        self.wired += frames as u64;
        self.sent += frames as u64;
    }

    /// A message with so many frames reached the service, which `heard` them
    /// unless it has closed.
    pub(super) fn arrived(&mut self, frames: usize, heard: &Heard, closed: bool) -> Kept {
        self.arrived += frames as u64;
        let (arrived, heard) = (self.arrived, heard.samples);
        require(closed || arrived == heard, || {
            format!("{arrived} frames reached the service, which heard {heard}")
        })?;
        require(arrived <= self.sent, || format!("{arrived} frames arrived of {}", self.sent))
    }

    /// A connection is open.
    pub(super) fn connected(&mut self) -> Kept {
        (self.sent, self.arrived) = (0, 0);
        let was = std::mem::replace(&mut self.connected, true);
        require(!was, || "a second connection was opened beside the first".to_owned())
    }

    /// It is over for the client.
    pub(super) fn disconnected(&mut self) {
        self.connected = false;
    }

    /// How often the service had to refuse a session that was still open, and
    /// whether a service has not noticed yet that its client is gone.
    pub(super) fn collided(&mut self, collisions: u64, lingers: bool) -> Kept {
        let more = collisions - std::mem::replace(&mut self.collisions, collisions);
        require(more == 0 || lingers, || "a session was resumed beside itself".to_owned())
    }

    /// The link has emptied the uplink ring: what it took is in its queue, was
    /// taken out, or was counted as lost; the same of the replies.
    pub(super) fn counted(&mut self, now: &LinkCounters) -> Kept {
        let queue = &now.queue;
        let given = self.given;
        require(queue.pushed_frames == given, || {
            format!("the worker gave {given} frames, the queue got {}", queue.pushed_frames)
        })?;
        let lost = queue.overflow_frames + queue.stale_frames;
        let known = queue.taken_frames + lost + now.queued_frames;
        let queued = given + queue.resent_frames;
        require(known == queued, || format!("{queued} frames were queued, {known} are known of"))?;
        let sent = self.wired + now.refused_frames;
        require(queue.taken_frames == sent, || {
            format!("{} frames left the queue, {sent} were sent or refused", queue.taken_frames)
        })?;
        let staging = &now.staging;
        let lost = staging.interrupted_frames + staging.cut_frames + staging.overflow_frames;
        let known = staging.delivered_frames + lost + now.held_frames;
        require(staging.staged_frames == known, || {
            format!("{} frames of replies were staged, {known} are known of", staging.staged_frames)
        })?;
        let delivered = self.delivered;
        require(staging.delivered_frames >= delivered, || {
            format!("{delivered} frames of replies came of {}", staging.delivered_frames)
        })?;
        self.rise(rising(now))
    }

    fn rise(&mut self, now: Vec<(&'static str, u64)>) -> Kept {
        let fell = self.counted.iter().zip(&now).find(|((_, before), (_, now))| now < before);
        let what = fell.map(|((name, before), (_, now))| format!("{name} fell: {before} to {now}"));
        self.counted = now;
        what.map_or(Ok(()), Err)
    }

    /// The link gave the worker this.
    pub(super) fn delivered(&mut self, packet: &DownlinkPacket) -> Kept {
        let Downlink::Audio(samples) = &packet.payload else { return Ok(()) };
        let (reply, samples) = (packet.reply, samples.as_slice());
        self.delivered += samples.len() as u64;
        let same = match self.reply {
            Some((newest, nth, at)) if newest == reply => Some((nth, at)),
            Some((newest, ..)) if newest.is_after(reply) => {
                return Err(format!("{reply:?} comes after {newest:?}"));
            }
            _ => None,
        };
        let Some(replies) = &self.replies else {
            self.reply = Some((reply, 0, 0));
            return Ok(());
        };
        let further = same.and_then(|(nth, at)| Some((nth, find(samples, &replies[nth], at)?)));
        // Where a turnComplete was lost, the next reply goes by the same name.
        let others = || {
            let mut others = replies.iter().enumerate();
            others.find_map(|(nth, sound)| {
                let is_other = same.is_none_or(|(mine, _)| mine != nth);
                Some((nth, find(samples, sound, 0).filter(|_| is_other)?))
            })
        };
        let Some((nth, at)) = further.or_else(others) else {
            return Err(format!(
                "{} frames of {reply:?} were heard before, or never said",
                samples.len()
            ));
        };
        self.reply = Some((reply, nth, at + samples.len()));
        Ok(())
    }
}

/// Where `samples` stand in `sound` from `from` on.
fn find(samples: &[i16], sound: &[i16], from: usize) -> Option<usize> {
    let rest = sound.get(from..)?;
    if rest.starts_with(samples) {
        return Some(from);
    }
    let needle = &samples[..samples.len().min(NEEDLE)];
    let mut places = rest.windows(needle.len().max(1)).enumerate();
    let fits = |at: usize| rest[at..].starts_with(samples);
    places.find(|(at, window)| *window == needle && fits(*at)).map(|(at, _)| from + at)
}

/// What only rises.
fn rising(now: &LinkCounters) -> Vec<(&'static str, u64)> {
    let LinkCounters { queue, staging, session, .. } = now;
    vec![
        ("pushed_frames", queue.pushed_frames),
        ("taken_frames", queue.taken_frames),
        ("overflow_frames", queue.overflow_frames),
        ("stale_frames", queue.stale_frames),
        ("resent_frames", queue.resent_frames),
        ("forgotten_frames", queue.forgotten_frames),
        ("windows_reopened", queue.windows_reopened),
        ("windows_cut", queue.windows_cut),
        ("windows_dropped", queue.windows_dropped),
        ("pauses_merged", queue.pauses_merged),
        ("staged_frames", staging.staged_frames),
        ("delivered_frames", staging.delivered_frames),
        ("interrupted_frames", staging.interrupted_frames),
        ("cut_frames", staging.cut_frames),
        ("connections", session.connections),
        ("resumed", session.resumed),
        ("messages", session.messages),
        ("audio_parts", session.audio_parts),
        ("stale_audio_parts", session.stale_audio_parts),
        ("turns", session.turns),
        ("refused_items", now.refused_items),
        ("refused_frames", now.refused_frames),
        ("late_frames", now.late_frames),
        ("switches", now.switches),
        ("messages_sent", now.messages_sent),
        ("packets_delivered", now.packets_delivered),
    ]
}

fn require(holds: bool, what: impl FnOnce() -> String) -> Kept {
    if holds { Ok(()) } else { Err(what()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Nanos, packet::Samples};

    fn books(given: usize, wired: usize) -> (Ledger, LinkCounters) {
        let mut ledger = Ledger::default();
        ledger.given(given);
        ledger.sent(wired);
        let mut counters = LinkCounters::default();
        counters.queue.pushed_frames = given as u64;
        counters.queue.taken_frames = wired as u64;
        counters.queued_frames = (given - wired) as u64;
        (ledger, counters)
    }

    fn broken(what: impl FnOnce(&mut LinkCounters)) -> String {
        let (mut ledger, mut counters) = books(500, 320);
        ledger.counted(&counters).unwrap();
        what(&mut counters);
        ledger.counted(&counters).unwrap_err()
    }

    #[test]
    fn a_frame_that_is_lost_without_being_counted_is_missed() {
        assert!(
            broken(|counters| counters.queue.pushed_frames -= 20).contains("the queue got 480")
        );
        assert!(broken(|counters| counters.queued_frames -= 1).contains("499 are known of"));
        assert!(broken(|counters| counters.refused_frames += 1).contains("321 were sent"));
        assert!(broken(|counters| counters.staging.staged_frames += 7).contains("7 frames"));
        let (mut ledger, mut counters) = books(500, 320);
        (counters.queued_frames, counters.queue.stale_frames) = (100, 80);
        ledger.counted(&counters).unwrap();
    }

    #[test]
    fn a_counter_that_falls_is_seen() {
        let (mut ledger, mut counters) = books(500, 320);
        counters.session.turns = 3;
        ledger.counted(&counters).unwrap();
        counters.session.turns = 2;
        assert_eq!(ledger.counted(&counters).unwrap_err(), "turns fell: 3 to 2");
    }

    #[test]
    fn what_goes_missing_on_the_wire_is_seen() {
        let (mut ledger, mut heard) = (Ledger::default(), Heard::default());
        ledger.connected().unwrap();
        ledger.sent(640);
        heard.samples = 320;
        ledger.arrived(320, &heard, false).unwrap();
        assert!(ledger.arrived(320, &heard, false).is_err());
        let more = ledger.arrived(1, &heard, true).unwrap_err();
        assert_eq!(more, "641 frames arrived of 640");
    }

    #[test]
    fn a_second_connection_beside_the_first_is_seen() {
        let mut ledger = Ledger::default();
        ledger.connected().unwrap();
        ledger.disconnected();
        ledger.connected().unwrap();
        assert!(ledger.connected().is_err());
        ledger.collided(1, true).unwrap();
        ledger.collided(1, false).unwrap();
        assert!(ledger.collided(2, false).is_err());
    }

    fn audio(reply: u32, samples: &[i16]) -> DownlinkPacket {
        let payload = Downlink::Audio(Samples::from_iter_max(samples.iter().copied()));
        DownlinkPacket { payload, reply: ReplyId(reply), first_byte_at: Nanos::ZERO }
    }

    #[test]
    fn audio_that_comes_twice_or_was_never_said_is_heard() {
        let replies: Arc<[Vec<i16>]> = [(0..1_000).collect(), (2_000..3_000).collect()].into();
        let heard = |packets: &[(u32, std::ops::Range<i16>)]| {
            let mut ledger = Ledger::new(Some(replies.clone()));
            packets.iter().try_for_each(|(reply, range)| {
                ledger.delivered(&audio(*reply, &range.clone().collect::<Vec<_>>()))
            })
        };
        heard(&[(0, 0..240), (0, 240..480), (0, 700..800), (1, 0..240), (2, 2_100..2_300)])
            .unwrap();
        // A turnComplete was lost.
        heard(&[(0, 900..1_000), (0, 2_000..2_240)]).unwrap();
        assert!(heard(&[(0, 0..240), (0, 239..300)]).unwrap_err().contains("heard before"));
        assert!(heard(&[(0, 0..240), (0, 5_000..5_100)]).unwrap_err().contains("never said"));
        assert!(heard(&[(1, 0..240), (0, 240..300)]).unwrap_err().contains("comes after"));
    }
}
