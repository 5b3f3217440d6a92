//! Scripted voice activity: a capture chain of one stage that takes a loud
//! sample for speech and anything else for silence, so that a conversation
//! without a detector's arithmetic runs far faster.

use chinwag::{
    audio::{Block, Note, NoteKind, Notes},
    config::{ConfigFile, Origin, Override, Plan},
    pipeline::{
        Format, PrepareError, Prepared, Registry, Stage, StageConfig, StageEntry, conformance,
    },
};

/// What a talker says where this stage listens.
pub(super) const SAID: f32 = 0.5;
const HOP_FRAMES: u32 = 160;

static MARKS: StageEntry = StageEntry {
    name: "vad",
    summary: "takes a loud sample for speech; leaves the sound as it is",
    params: &[],
    allocates: |_| 0,
    example: "",
    build: |_| Ok(Box::new(Config)),
};

#[derive(Debug)]
struct Config;

impl StageConfig for Config {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        Ok(Prepared::plain(Marks { frame: 0, loud: 0 }, input))
    }
}

struct Marks {
    frame: u32,
    loud: u32,
}

impl Stage for Marks {
    fn process(&mut self, block: &mut Block, notes: &mut Notes) {
        let start = block.start();
        for (i, sample) in block.near_mut().iter_mut().enumerate() {
            *sample = chinwag::audio::convert::tame(*sample);
            self.loud += u32::from(*sample > SAID / 2.0);
            self.frame += 1;
            if self.frame == HOP_FRAMES {
                let probability = if self.loud > HOP_FRAMES / 2 { 0.95 } else { 0.05 };
                (self.frame, self.loud) = (0, 0);
                notes.push(Note::now(NoteKind::Voice { probability }, start.plus(i as i64)));
            }
        }
    }

    fn reset(&mut self) {
        (self.frame, self.loud) = (0, 0);
    }
}

/// A plan in which this stage takes the detector's place, with these values.
pub(super) fn plan(values: &[String]) -> Plan {
    let text = "[[profile.marks.capture]]\nstage = \"resample\"\nrate_hz = 16000\n\n\
                [[profile.marks.capture]]\nstage = \"vad\"\n";
    let registry = Registry::shipped().with(&MARKS);
    let file = ConfigFile::parse(Origin::Shipped, text, &registry);
    let overrides: Vec<Override> = values.iter().map(|value| Override::set(value)).collect();
    file.plan(Some("marks"), &overrides).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn the_stage_of_the_campaign_keeps_the_promises_of_a_stage() {
    let report = conformance::check(&MARKS);
    assert!(report.passed(), "{report}");
}
