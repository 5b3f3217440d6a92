//! Which sound system is used, and its devices by name.

use cpal::{
    ALL_HOSTS, Device, Host, HostId, host_from_id,
    traits::{DeviceTrait, HostTrait},
};

use super::{
    names::{self, Found, Name},
    words,
};
use crate::device::{DeviceError, Direction};

/// What asks for the system's own choice.
pub(super) const DEFAULT: &str = "default";

/// Sound systems in the order of preference: PulseAudio natively, because
/// capturing through ALSA's plug-in spins; JACK only by its name.
fn preference() -> Vec<HostId> {
    let rank = |host: &HostId| u8::from(host.to_string() != "pulseaudio");
    let mut hosts: Vec<_> = ALL_HOSTS.iter().filter(|h| h.to_string() != "jack").copied().collect();
    hosts.sort_by_key(rank);
    hosts
}

fn open(id: HostId) -> Result<Host, cpal::Error> {
    // Where it cannot be made, the server answers or not.
    #[cfg(target_os = "linux")]
    if id == HostId::PulseAudio {
        let _ = super::pulse::make_cookie();
    }
    host_from_id(id)
}

/// The sound system that is used where none is named.
///
/// # Errors
/// Where none answers.
pub(super) fn preferred() -> Result<Host, DeviceError> {
    preference().into_iter().find_map(|id| open(id).ok()).ok_or_else(words::no_host)
}

/// Every sound system that answers, the preferred one first.
pub(super) fn all() -> Vec<Host> {
    let others = ALL_HOSTS.iter().filter(|h| h.to_string() == "jack").copied();
    preference().into_iter().chain(others).filter_map(|id| open(id).ok()).collect()
}

fn named(wanted: &str) -> Option<(HostId, &str)> {
    wanted.split_once(':').and_then(|(host, name)| Some((host.parse().ok()?, name)))
}

/// Whether no other sound system than a server would be the choice for `wanted`.
#[cfg(target_os = "linux")]
pub(super) fn prefers_server(wanted: &str) -> bool {
    named(wanted).is_none_or(|(id, _)| id.to_string() == "pulseaudio")
}

/// The sound system that `wanted` names before a colon, or the preferred one,
/// and what is left of the name.
///
/// # Errors
/// Where it does not answer.
pub(super) fn of_name(wanted: &str) -> Result<(Host, &str), DeviceError> {
    match named(wanted) {
        Some((id, name)) => {
            let host = open(id).map_err(|error| words::host_refused(id, &error))?;
            Ok((host, if name.is_empty() { DEFAULT } else { name }))
        }
        None => Ok((preferred()?, wanted)),
    }
}

/// Whether `wanted` is the system's own choice, whatever that is just now.
pub(super) fn is_default(wanted: &str) -> bool {
    named(wanted).map_or(wanted, |(_, rest)| rest) == DEFAULT || wanted.ends_with(':')
}

/// The sound system of a device that was found before, and what is left of its
/// name: it is looked for there and nowhere else. While a sound server starts
/// anew, another system would take the card away from it. Where `kept` is that
/// system and still answers, it is used: each new one leaves a thread and a
/// connection of its library behind for as long as the server lives.
///
/// # Errors
/// Where it does not answer.
pub(super) fn again(
    id: HostId,
    wanted: &str,
    kept: Option<Host>,
) -> Result<(Host, &str), DeviceError> {
    let rest = named(wanted).map_or(wanted, |(_, rest)| rest);
    let kept = kept.filter(|host| host.id() == id && host.devices().is_ok());
    let host = match kept {
        Some(host) => host,
        None => open(id).map_err(|error| words::host_refused(id, &error))?,
    };
    Ok((host, if rest.is_empty() { DEFAULT } else { rest }))
}

/// Whether the callbacks of a device have to ask for real-time priority: on
/// Linux, where nobody asks for them. Not those of ALSA's plug-ins to a sound
/// server: when that dies they were seen to spin. `alsa:default`, asked for
/// where a server is preferred, is one.
pub(super) fn asks_for_priority(host: &Host, wanted: &str, id: &str) -> bool {
    let plugin = ["pulse", "pipewire", "jack", "null"].contains(&id);
    match host.id().to_string().as_str() {
        "alsa" => !plugin && (id != DEFAULT || wanted == DEFAULT),
        _ => false,
    }
}

/// The name of a device; its identifier where it says none.
pub(super) fn name_of(device: &Device) -> Name {
    let id = device.id().map_or_else(|_| String::new(), |id| id.id().to_owned());
    let name = device.description().map_or_else(|_| id.clone(), |d| d.name().to_owned());
    Name { name, id }
}

/// The devices of a host in one direction.
pub(super) fn devices(host: &Host, direction: Direction) -> Result<Vec<Device>, cpal::Error> {
    let goes = |device: &Device| match direction {
        Direction::Input => device.supports_input(),
        Direction::Output => device.supports_output(),
    };
    Ok(host.devices()?.filter(goes).collect())
}

/// What `default` means.
pub(super) fn default_of(host: &Host, direction: Direction) -> Option<Device> {
    match direction {
        Direction::Input => host.default_input_device(),
        Direction::Output => host.default_output_device(),
    }
}

/// What the default of a sound system is called.
#[cfg(not(target_os = "linux"))]
pub(super) fn default_id(id: HostId, direction: Direction) -> Option<String> {
    let device = default_of(&open(id).ok()?, direction)?;
    Some(name_of(&device).id)
}

/// The device called `wanted`, or like it.
///
/// # Errors
/// None, several, or a speaker's own sound as the default microphone.
pub(super) fn find(
    wanted: &str,
    host: &Host,
    direction: Direction,
) -> Result<(Device, Name), DeviceError> {
    let system = host.id().name();
    if wanted == DEFAULT {
        let device =
            default_of(host, direction).ok_or_else(|| words::no_default(direction, system))?;
        let name = name_of(&device);
        let is_speaker = direction == Direction::Input && name.is_monitor();
        return if is_speaker { Err(words::only_a_monitor(&name)) } else { Ok((device, name)) };
    }
    let mut devices = devices(host, direction)
        .map_err(|error| words::refused(direction, wanted, "be looked for", &error))?;
    let names: Vec<Name> = devices.iter().map(name_of).collect();
    match names::find(wanted, &names) {
        Found::One(index) => Ok((devices.swap_remove(index), names[index].clone())),
        Found::None => Err(words::not_found(direction, wanted)),
        Found::Several(found) => Err(words::several(direction, wanted, &found)),
    }
}
