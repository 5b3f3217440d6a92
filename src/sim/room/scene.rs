//! A recording in a room, from two others, all at once.

use super::{Room, RoomSettings};
use crate::{
    audio::{
        Rate,
        convert::{from_wire, to_wire},
    },
    sim::seed::Seed,
};

/// What a microphone records when `far` is played in a room while the user is
/// heard as `near`, all at `rate`; as long as `far`. What the room adds is the
/// exact difference to `near`, as long as nothing clips.
pub fn microphone(
    settings: &RoomSettings,
    rate: Rate,
    far: &[i16],
    near: &[i16],
    seed: Seed,
) -> Vec<i16> {
    let hz = f64::from(rate.hz());
    let mut room = Room::new(settings, hz, hz, seed);
    let mut near = near.iter().copied().chain(std::iter::repeat(0));
    let mut recorded = Vec::with_capacity(far.len());
    for block in far.chunks(rate.block_frames_max()) {
        let played: Vec<f32> = block.iter().map(|sample| from_wire(*sample)).collect();
        let mut added = vec![0.0; block.len()];
        room.play(&played);
        room.hear(&mut added);
        let both = added.into_iter().zip(near.by_ref());
        recorded.extend(both.map(|(added, near)| to_wire(added).saturating_add(near)));
    }
    recorded
}
