//! Which device a person means by a name or a part of it.

/// What a device is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// For people.
    pub(super) name: String,
    /// Within the sound system.
    pub(super) id: String,
}

impl Name {
    /// Whether it hands back what a speaker plays (PulseAudio).
    pub(super) fn is_monitor(&self) -> bool {
        self.id.ends_with(".monitor")
    }

    /// How likely it is meant by a part of its name, the lower the likelier.
    fn rank(&self) -> u8 {
        let id = self.id.as_str();
        let alsa = ["plughw:", "sysdefault:", "hw:", "front:"];
        match alsa.iter().position(|prefix| id.starts_with(prefix)) {
            // ALSA lists a card once per way to it: that which converts comes first.
            Some(place) => place as u8,
            None if self.is_monitor() => 9,
            None if id.contains(":CARD=") => 8,
            None => 0,
        }
    }
}

/// What a search found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It, by its place.
    One(usize),
    /// Nothing.
    None,
    /// Too many, by their names.
    Several(Vec<String>),
}

/// The device that is called `wanted`; or whose name is but for the case; or
/// holds it.
pub(super) fn find(wanted: &str, names: &[Name]) -> Found {
    let lower = wanted.to_lowercase();
    let same = |name: &Name| name.name == wanted || name.id == wanted;
    let like = |text: &str| text.to_lowercase() == lower;
    let holds = |text: &str| text.to_lowercase().contains(&lower);
    let tests: [&dyn Fn(&Name) -> bool; 3] =
        [&same, &|name| like(&name.name) || like(&name.id), &|name| {
            holds(&name.name) || holds(&name.id)
        }];
    for test in tests {
        let found: Vec<usize> = (0..names.len()).filter(|&i| test(&names[i])).collect();
        let best = found.iter().map(|&i| names[i].rank()).min();
        let best: Vec<usize> =
            found.into_iter().filter(|&i| Some(names[i].rank()) == best).collect();
        match best.as_slice() {
            [] => {}
            [one] => return Found::One(*one),
            several => return Found::Several(several.iter().map(|&i| shown(&names[i])).collect()),
        }
    }
    Found::None
}

/// Both names, where they differ.
fn shown(name: &Name) -> String {
    let Name { name, id } = name;
    if name == id { id.clone() } else { format!("{id} ({name})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[(&str, &str)]) -> Vec<Name> {
        let name = |(name, id): &(&str, &str)| Name { name: (*name).into(), id: (*id).into() };
        list.iter().map(name).collect()
    }

    #[test]
    fn a_whole_name_beats_a_part_of_another() {
        let names = names(&[("USB Audio Deluxe", "a"), ("USB Audio", "b"), ("usb audio", "c")]);
        assert_eq!(find("USB Audio", &names), Found::One(1));
        assert_eq!(find("usb audio", &names), Found::One(2));
        assert_eq!(find("DELUXE", &names), Found::One(0));
        assert_eq!(find("b", &names), Found::One(1));
    }

    #[test]
    fn a_part_that_fits_several_names_them() {
        let names = names(&[("USB left", "l"), ("USB right", "r")]);
        let found = find("usb", &names);
        assert_eq!(found, Found::Several(vec!["l (USB left)".into(), "r (USB right)".into()]));
        assert_eq!(find("Bluetooth", &names), Found::None);
    }

    #[test]
    fn of_the_ways_to_a_card_that_which_converts_is_meant() {
        let names = names(&[
            ("Mic, USB Audio", "hw:CARD=1,DEV=0"),
            ("Mic, USB Audio", "dsnoop:CARD=1,DEV=0"),
            ("Mic, USB Audio", "plughw:CARD=1,DEV=0"),
        ]);
        assert_eq!(find("mic", &names), Found::One(2));
    }

    #[test]
    fn a_microphone_is_meant_rather_than_what_a_speaker_plays() {
        let names = names(&[("Monitor of Jabra", "out.jabra.monitor"), ("Jabra", "in.jabra")]);
        assert_eq!(find("jabra", &names), Found::One(1));
        assert_eq!(find("out.jabra.monitor", &names), Found::One(0));
    }
}
