//! `agc`: brings a voice to one level, or makes it louder without clipping.
//!
//! Runs on: worker. Never allocates, locks, logs or fails but for the crate,
//! which allocates in every hop, and anew as a whole in a reset.

use sonora_agc2::{
    adaptive_digital_gain_controller::{AdaptiveDigitalGainController, FrameInfo},
    common::{
        ADJACENT_SPEECH_FRAMES_THRESHOLD, SATURATION_PROTECTOR_INITIAL_HEADROOM_DB, db_to_ratio,
        float_s16_to_dbfs,
    },
    gain_applier::GainApplier,
    limiter::Limiter,
    noise_level_estimator::NoiseLevelEstimator,
    saturation_protector::SaturationProtector,
    speech_level_estimator::{AdaptiveDigitalConfig, SpeechLevelEstimator},
    vad_wrapper::VoiceActivityDetectorWrapper,
};

use super::hopwise::{self, HOP_FRAMES, Hop, Work};
use crate::{
    audio::Rate,
    pipeline::{
        Format, Param, PrepareError, Prepared, StageConfig, StageEntry, Values,
        param::{ParamDefault, ParamKind},
    },
};

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "agc",
    summary: "brings a voice to one level, whoever speaks how far away, or makes it louder; a \
              limiter keeps it from clipping (WebRTC's second gain control, in Rust)",
    params: &[
        Param {
            name: "mode",
            kind: ParamKind::Choice(&["adaptive", "fixed"]),
            default: ParamDefault::Text("adaptive"),
            doc: "adaptive: as much gain as the voice needs, found within 10 s; fixed: always the \
                  same",
        },
        db_param("gain_db", 0.0, 49.0, 10.0, "fixed only: the gain"),
        db_param(
            "headroom_db",
            0.0,
            30.0,
            5.0,
            "adaptive only: how far under full scale the peaks of a voice are brought",
        ),
        db_param("gain_max_db", 1.0, 50.0, 30.0, "adaptive only: the most gain"),
        db_param("gain_start_db", 0.0, 50.0, 6.0, "adaptive only: the gain to begin with"),
        db_param("change_db_per_s", 0.5, 30.0, 6.0, "adaptive only: how fast the gain may change"),
        db_param(
            "noise_max_dbfs",
            -90.0,
            0.0,
            -50.0,
            "adaptive only: noise is not brought over this level",
        ),
    ],
    allocates: |_| 1,
    example: "mode = \"adaptive\"\ngain_max_db = 20.0",
    build: |values| Ok(Box::new(Config::of(values))),
};

const fn db_param(
    name: &'static str,
    min: f64,
    max: f64,
    default: f64,
    doc: &'static str,
) -> Param {
    let kind = ParamKind::Float { min, max };
    Param { name, kind, default: ParamDefault::Float(default), doc }
}

/// The crate's samples are those of 16 bits.
const FULL_SCALE: f32 = 32_768.0;

#[derive(Clone, Debug)]
enum Config {
    Fixed { gain_db: f32 },
    Adaptive(AdaptiveDigitalConfig),
}

impl Config {
    fn of(values: &Values) -> Self {
        if values.text("mode") == Some("fixed") {
            return Self::Fixed { gain_db: values.float("gain_db") };
        }
        Self::Adaptive(AdaptiveDigitalConfig {
            headroom_db: values.float("headroom_db"),
            max_gain_db: values.float("gain_max_db"),
            initial_gain_db: values.float("gain_start_db"),
            max_gain_change_db_per_second: values.float("change_db_per_s"),
            max_output_noise_level_dbfs: values.float("noise_max_dbfs"),
        })
    }

    fn gain(&self) -> Gain {
        match self {
            Self::Fixed { gain_db } => Gain::Fixed(GainApplier::new(false, db_to_ratio(*gain_db))),
            Self::Adaptive(config) => Gain::Adaptive(Box::new(Adaptive::new(config))),
        }
    }
}

impl StageConfig for Config {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        let agc =
            Agc { config: self.clone(), gain: self.gain(), limiter: Limiter::new(HOP_FRAMES) };
        hopwise::prepare(agc, input)
    }
}

struct Agc {
    config: Config,
    gain: Gain,
    limiter: Limiter,
}

enum Gain {
    Fixed(GainApplier),
    Adaptive(Box<Adaptive>),
}

impl Work for Agc {
    const LATENCY_FRAMES: usize = 0;

    fn work(&mut self, hop: &mut Hop) {
        for sample in &mut *hop {
            *sample *= FULL_SCALE;
        }
        match &mut self.gain {
            Gain::Fixed(gain) => gain.apply_gain(&mut [&mut hop[..]]),
            Gain::Adaptive(gain) => gain.apply(hop, self.limiter.last_audio_level()),
        }
        self.limiter.process(&mut [&mut hop[..]]);
        for sample in hop {
            *sample /= FULL_SCALE;
        }
    }

    fn reset(&mut self) {
        self.gain = self.config.gain();
        self.limiter = Limiter::new(HOP_FRAMES);
    }
}

/// The gain that the voice needs, from its level, its peaks and the noise.
struct Adaptive {
    detector: VoiceActivityDetectorWrapper,
    noise: NoiseLevelEstimator,
    speech: SpeechLevelEstimator,
    peaks: SaturationProtector,
    controller: AdaptiveDigitalGainController,
}

impl Adaptive {
    fn new(config: &AdaptiveDigitalConfig) -> Self {
        let adjacent = ADJACENT_SPEECH_FRAMES_THRESHOLD;
        let headroom_db = SATURATION_PROTECTOR_INITIAL_HEADROOM_DB;
        let backend = sonora_simd::detect_backend();
        Self {
            detector: VoiceActivityDetectorWrapper::new(backend, Rate::UPLINK.hz() as i32),
            noise: NoiseLevelEstimator::default(),
            speech: SpeechLevelEstimator::new(config, adjacent),
            peaks: SaturationProtector::new(headroom_db, adjacent),
            controller: AdaptiveDigitalGainController::new(*config, adjacent),
        }
    }

    /// `limited` is the level that the limiter saw last, in 16 bits.
    fn apply(&mut self, hop: &mut Hop, limited: f32) {
        let speech_probability = self.detector.analyze(hop);
        let peak = hop.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        let power: f32 = hop.iter().map(|sample| sample * sample).sum();
        let rms_dbfs = float_s16_to_dbfs((power / hop.len() as f32).sqrt());
        let noise_rms_dbfs = self.noise.analyze(&[&hop[..]]);
        self.speech.update(rms_dbfs, speech_probability);
        let speech_level_dbfs = self.speech.level_dbfs();
        self.peaks.analyze(speech_probability, float_s16_to_dbfs(peak), speech_level_dbfs);
        let frame = FrameInfo {
            speech_probability,
            speech_level_dbfs,
            speech_level_reliable: self.speech.is_confident(),
            noise_rms_dbfs,
            headroom_db: self.peaks.headroom_db(),
            limiter_envelope_dbfs: float_s16_to_dbfs(limited),
        };
        self.controller.process(&frame, &mut [&mut hop[..]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audio::{Block, Dbfs, FrameTime, Notes},
        pipeline::Value,
    };

    fn run(config: &Config, signal: &[f32]) -> Vec<f32> {
        let mut stage = config.prepare(Format::of(Rate::UPLINK)).unwrap().stage;
        let (mut block, mut notes) = (Block::new(160), Notes::default());
        let mut out = Vec::new();
        for (at, part) in signal.chunks(160).enumerate() {
            block.fill(part, FrameTime::start(Rate::UPLINK, 0).plus(160 * at as i64));
            stage.process(&mut block, &mut notes);
            out.extend_from_slice(block.near());
        }
        out
    }

    /// Words, six times over, so that speech is at this level.
    fn words(level: Dbfs) -> Vec<f32> {
        let bytes = include_bytes!("../../../demo/speech/user-1.wav");
        let wave: Vec<f32> = bytes[44..]
            .chunks_exact(2)
            .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0)
            .collect();
        let gain = level.amplitude() / Dbfs::rms_of(&wave).amplitude();
        let louder = wave.iter().map(|sample| sample * gain).collect::<Vec<_>>();
        louder.repeat(6)
    }

    #[test]
    fn a_faint_voice_and_a_loud_one_come_out_alike() {
        let config = Config::of(&Values::defaults(ENTRY.params));
        let [faint, loud] = [-45.0, -25.0].map(|level| {
            let out = run(&config, &words(Dbfs(level)));
            Dbfs::rms_of(&out[out.len() * 5 / 6..]).0
        });
        assert!((faint - loud).abs() < 6.0, "{faint} and {loud} dBFS");
        assert!((-30.0..-15.0).contains(&faint), "{faint} dBFS");
    }

    #[test]
    fn a_fixed_gain_is_what_was_asked_for_until_it_would_clip() {
        let mut values = Values::defaults(ENTRY.params);
        values.set("mode", Value::Text("fixed".to_owned()));
        values.set("gain_db", Value::Float(12.0));
        let config = Config::of(&values);
        let quiet = words(Dbfs(-50.0));
        let louder = Dbfs::rms_of(&run(&config, &quiet)).0 - Dbfs::rms_of(&quiet).0;
        assert!((louder - 12.0).abs() < 0.1, "{louder} dB");
        let loud = run(&config, &words(Dbfs(-12.0)));
        assert!(loud.iter().all(|sample| sample.abs() <= 1.0));
    }
}
