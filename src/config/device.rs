//! How the sound devices are opened, as plain data.

use crate::audio::convert::InputChannel;

/// How the capture side wakes the worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WakeBy {
    /// The callback rings: one system call, and only when the worker sleeps.
    #[default]
    Bell,
    /// The worker looks by itself: the callback makes no system call at all.
    Timer,
}

/// The two devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSettings {
    /// The microphone: `default`, a name or part of one, or a WAV file.
    pub input: String,
    /// The speaker: likewise.
    pub output: String,
    /// Frames per callback asked for; what is given may differ.
    pub period_frames: u32,
    /// The rate asked for; `None` takes the device's own.
    pub rate_hz: Option<u32>,
    /// Which input channel is the microphone.
    pub input_channel: InputChannel,
    /// How the capture side wakes the worker.
    pub wake: WakeBy,
}

impl Default for DeviceSettings {
    fn default() -> Self {
        Self {
            input: "default".to_owned(),
            output: "default".to_owned(),
            period_frames: 480,
            rate_hz: None,
            input_channel: InputChannel::Mix,
            wake: WakeBy::Bell,
        }
    }
}
