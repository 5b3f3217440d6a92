//! A microphone of one kind with a speaker of another, such as a file and a
//! sound card.

use std::sync::Arc;

use super::{Backend, Clock, DeviceError, Faults, Offer, Spec, Stream};
use crate::{
    audio::{Doorbell, Wake, convert::InputChannel},
    duplex::{CaptureHalf, RenderHalf, capture, render},
};

/// The microphone of one backend and the speaker of another.
pub struct Pair {
    input: Box<dyn Backend>,
    output: Box<dyn Backend>,
    offers: Option<(Offer, Offer)>,
}

impl Pair {
    /// What the other side of either is does not matter: nobody talks to it.
    pub fn new(input: Box<dyn Backend>, output: Box<dyn Backend>) -> Self {
        Self { input, output, offers: None }
    }
}

/// The bell of a half that nobody listens to.
struct Unheard;

impl Wake for Unheard {
    fn wake(&self) {}
}

impl Backend for Pair {
    fn offer(&mut self, spec: &Spec) -> Result<Offer, DeviceError> {
        let (input, output) = (self.input.offer(spec)?, self.output.offer(spec)?);
        let offer = Offer {
            capture_rate: input.capture_rate,
            render_rate: output.render_rate,
            period_frames: output.period_frames,
            capture_name: input.capture_name.clone(),
            render_name: output.render_name.clone(),
        };
        self.offers = Some((input, output));
        Ok(offer)
    }

    fn open(
        &mut self,
        microphone: CaptureHalf,
        speaker: RenderHalf,
        clock: Clock,
    ) -> Result<Box<dyn Stream>, DeviceError> {
        let asked = || DeviceError("a device is opened as it was offered".to_owned());
        let (input, output) = self.offers.take().ok_or_else(asked)?;
        let bell = Arc::new(Doorbell::new(Unheard));
        let (deaf, _) = capture(output.capture_rate, 0, InputChannel::Mix, bell.clone());
        let (mute, _) = render(input.render_rate, 0.0, bell);
        let output = self.output.open(deaf, speaker, clock)?;
        let input = self.input.open(microphone, mute, clock)?;
        Ok(Box::new(PairStream { input, output }))
    }
}

struct PairStream {
    input: Box<dyn Stream>,
    output: Box<dyn Stream>,
}

/// What both complained of, each of its own side.
fn both(input: Faults, output: Faults) -> Faults {
    Faults {
        capture_xruns: input.capture_xruns,
        render_xruns: output.render_xruns,
        errors: input.errors + output.errors,
        last: input.last.or(output.last),
        ordinary: input.ordinary + output.ordinary,
        unburied: input.unburied + output.unburied,
    }
}

impl Stream for PairStream {
    fn has_ended(&self) -> bool {
        self.input.has_ended()
    }

    fn faults(&self) -> Faults {
        both(self.input.faults(), self.output.faults())
    }

    fn close(self: Box<Self>) -> Faults {
        both(self.input.close(), self.output.close())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audio::Rate,
        device::card::{Card, Room},
    };
    use std::sync::mpsc::{Sender, channel};

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

        let bell = Arc::new(Doorbell::new(Unheard));
        let (microphone, mut captured) = capture(rate, 0, InputChannel::Mix, bell.clone());
        let (speaker, mut played) = render(offer.render_rate, 0.0, bell);
        played.push(&[0.25; 4_096]);
        let stream = pair.open(microphone, speaker, Clock::start()).unwrap();
        assert!(at_output.iter().take(64).any(|peak| peak > 0.2), "the speaker was silent");
        assert!(at_input.iter().take(8).all(|peak| peak == 0.0), "the wrong side was heard");
        assert!(stream.has_ended());
        assert_eq!(stream.close(), Faults::default());
        let mut out = [0.0; 64];
        captured.take(&mut out);
        assert_eq!(out[0], 0.5);
    }
}
