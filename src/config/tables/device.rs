//! `device`: microphone and speaker.

use super::Table;
use crate::{
    audio::{Rate, convert::InputChannel},
    config::{DeviceSettings, WakeBy},
    pipeline::{
        Param, Values,
        param::{ParamDefault, ParamKind},
    },
};

/// The table.
pub const TABLE: Table = Table { name: "device", doc: "microphone and speaker", params: PARAMS };

const PARAMS: &[Param] = &[
    Param {
        name: "input",
        kind: ParamKind::Text,
        default: ParamDefault::Text("default"),
        doc: "the microphone: default, a name or part of one, or a WAV file",
    },
    Param {
        name: "output",
        kind: ParamKind::Text,
        default: ParamDefault::Text("default"),
        doc: "the speaker: default, a name or part of one, or a WAV file",
    },
    Param {
        name: "period_frames",
        kind: ParamKind::Int { min: 16, max: 8_192 },
        default: ParamDefault::Int(480),
        doc: "frames per callback asked for; 480 are 10 ms at 48000 Hz",
    },
    Param {
        name: "rate_hz",
        kind: ParamKind::Int { min: Rate::MIN_HZ as i64, max: Rate::MAX_HZ as i64 },
        default: ParamDefault::Unset,
        doc: "the rate asked for; unset takes the device's own",
    },
    Param {
        name: "input_channel",
        kind: ParamKind::Choice(&["mix", "1", "2", "3", "4", "5", "6", "7", "8"]),
        default: ParamDefault::Text("mix"),
        doc: "which channel is the microphone, from 1; mix is the mean of the first two",
    },
    Param {
        name: "wake",
        kind: ParamKind::Choice(&["bell", "timer"]),
        default: ParamDefault::Text("bell"),
        doc: "bell: the callback wakes the worker; timer: it makes no system call at all",
    },
];

/// The settings of the devices.
pub fn settings(values: &Values) -> DeviceSettings {
    let text = |name: &str| values.text(name).unwrap_or("default").to_owned();
    let channel = values.text("input_channel").and_then(|channel| channel.parse::<usize>().ok());
    DeviceSettings {
        input: text("input"),
        output: text("output"),
        period_frames: values.int("period_frames") as u32,
        rate_hz: values.get("rate_hz").map(|_| values.int("rate_hz") as u32),
        input_channel: channel.map_or(InputChannel::Mix, |c| InputChannel::One(c.max(1) - 1)),
        wake: match values.text("wake") {
            Some("timer") => WakeBy::Timer,
            _ => WakeBy::Bell,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Value;

    #[test]
    fn channels_count_from_one_for_people_and_from_zero_for_machines() {
        let mut values = Values::defaults(PARAMS);
        values.set("input_channel", Value::Text("2".to_owned()));
        assert_eq!(settings(&values).input_channel, InputChannel::One(1));
    }
}
