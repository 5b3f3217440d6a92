//! A microphone of one kind with a speaker of another, such as a file and a
//! sound card.

use super::{
    Backend, Clock, DeviceError, Direction, Halves, SideOffer, Spec, Streams, Whereabouts,
};

/// The microphone of one backend and the speaker of another.
pub struct Pair {
    input: Box<dyn Backend>,
    output: Box<dyn Backend>,
}

impl Pair {
    /// The other side of either is never opened.
    pub fn new(input: Box<dyn Backend>, output: Box<dyn Backend>) -> Self {
        Self { input, output }
    }

    fn side(&mut self, side: Direction) -> &mut dyn Backend {
        match side {
            Direction::Input => self.input.as_mut(),
            Direction::Output => self.output.as_mut(),
        }
    }
}

impl Backend for Pair {
    fn offer_side(&mut self, side: Direction, spec: &Spec) -> Result<SideOffer, DeviceError> {
        self.side(side).offer_side(side, spec)
    }

    fn open(&mut self, halves: Halves, clock: Clock) -> Result<Streams, DeviceError> {
        let mut streams = Streams::default();
        if let Some(half) = halves.render {
            let halves = Halves { render: Some(half), capture: None };
            streams.render = self.output.open(halves, clock)?.render;
        }
        if let Some(half) = halves.capture {
            let halves = Halves { capture: Some(half), render: None };
            streams.capture = self.input.open(halves, clock)?.capture;
        }
        Ok(streams)
    }

    fn whereabouts(&mut self, side: Direction) -> Whereabouts {
        self.side(side).whereabouts(side)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audio::{Doorbell, Rate, convert::InputChannel},
        device::card::{Card, Room},
        duplex::{capture, render},
    };
    use std::sync::{
        Arc,
        mpsc::{Sender, channel},
    };

    /// Ends after one period, and says what it heard.
    struct Ear(Sender<f32>);

    impl Room for Ear {
        fn pass(&mut self, heard: &[f32], microphone: &mut [f32]) -> bool {
            microphone.fill(0.5);
            let _ = self.0.send(heard.iter().fold(0.0, |peak, s| s.abs().max(peak)));
            false
        }
    }

    #[test]
    fn the_microphone_is_of_one_and_the_speaker_of_the_other() {
        let (heard_by_input, at_input) = channel();
        let (heard_by_output, at_output) = channel();
        let rate = Rate::UPLINK;
        let input = Card::new("file", Ear(heard_by_input)).with_capture_rate(rate);
        let output = Card::new("speaker", Ear(heard_by_output));
        let mut pair = Pair::new(Box::new(input), Box::new(output));
        let spec = Spec { period_frames: 64, rate: None, input_channel: InputChannel::Mix };
        let offer = pair.offer(&spec).unwrap();
        assert_eq!((offer.capture_rate, offer.render_rate.hz()), (rate, 48_000));
        assert_eq!((&*offer.capture_name, &*offer.render_name), ("file", "speaker"));

        let bell = Arc::new(Doorbell::unanswered());
        let (microphone, mut captured) = capture(rate, 0, InputChannel::Mix, bell.clone());
        let (speaker, mut played) = render(offer.render_rate, 0.0, bell);
        played.push(&[0.25; 4_096]);
        let streams = pair.open(Halves::both(microphone, speaker), Clock::start()).unwrap();
        assert!(at_output.iter().take(64).any(|peak| peak > 0.2), "the speaker was silent");
        assert!(at_input.iter().take(8).all(|peak| peak == 0.0), "the wrong side was heard");
        assert!(streams.has_ended());
        drop(streams);
        let mut out = [0.0; 64];
        captured.take(&mut out);
        assert_eq!(out[0], 0.5);
    }
}
