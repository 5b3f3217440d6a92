//! A recording in a simulated room, from what the loudspeaker plays and what
//! the user says: two WAV files in, three of 16 kHz and one length out.
//!
//! `cargo run --example room -- kiosk,echo_db=12 FAR.wav NEAR.wav PREFIX [SEED]`
//! writes `PREFIX_far.wav`, `PREFIX_near.wav` and `PREFIX_mic.wav`, and prints
//! what the room is as JSON. The files of one seed are always the same.

use std::{env, error::Error, path::Path, process::ExitCode};

use chinwag::{
    audio::{
        Nanos, Rate,
        convert::{from_wire, to_wire},
    },
    device::wave_file::{self, Channels, WaveWriter},
    sim::{
        room::{self, RoomSettings},
        seed::Seed,
        service::resample,
    },
};
use serde_json::json;

fn read(path: &str) -> Result<Vec<i16>, Box<dyn Error>> {
    let wave = wave_file::read(Path::new(path))?;
    let wire: Vec<i16> = wave.samples.into_iter().map(to_wire).collect();
    Ok(resample(&wire, wave.rate, Rate::UPLINK)?)
}

fn write(path: &str, samples: &[i16]) -> Result<(), Box<dyn Error>> {
    let mut writer = WaveWriter::create(Path::new(path), Rate::UPLINK, Channels::Mono)?;
    let samples: Vec<f32> = samples.iter().map(|sample| from_wire(*sample)).collect();
    writer.write(&samples)?;
    Ok(writer.finish()?)
}

fn record(args: &[String]) -> Result<(), Box<dyn Error>> {
    let [settings, far, near, prefix, seed @ ..] = args else {
        return Err("expected ROOM FAR.wav NEAR.wav PREFIX [SEED]".into());
    };
    let settings: RoomSettings = settings.parse()?;
    let seed = Seed::new(seed.first().map_or(Ok(1), |seed| seed.parse())?);
    let (far, mut near) = (read(far)?, read(near)?);
    near.resize(far.len(), 0);
    let microphone = room::microphone(&settings, Rate::UPLINK, &far, &near, seed);
    for (name, samples) in [("far", &far), ("near", &near), ("mic", &microphone)] {
        write(&format!("{prefix}_{name}.wav"), samples)?;
    }
    let about = json!({
        "room": settings.name,
        "rt60_s": settings.rt60.as_secs(),
        "loudspeaker": settings.loudspeaker.name(),
        "delay_ms": settings.delay.as_ms(),
        "near_to_echo_db": 0.0 - settings.echo_db(),
        "noise_dbfs": settings.noise.map(|level| level.0),
        "noise": settings.noise.map(|_| "pink"),
        "drift_ppm": settings.drift_ppm,
        "path_change_at_s": settings.change_at.map(Nanos::as_secs),
        "jump_at_s": settings.jump.map(|(at, _)| at.as_secs()),
        "jump_ms": settings.jump.map(|(_, later)| later.as_ms()),
        "headset": settings.name == "headset",
    });
    println!("{about}");
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match record(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("room: {error}");
            ExitCode::FAILURE
        }
    }
}
