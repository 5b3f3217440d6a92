//! The tables of a profile that are not lists of stages. Each file names its
//! table's parameters and makes a machine's plain settings of their values.

use crate::pipeline::Param;

pub mod budget;
pub mod device;
pub mod link;
pub mod playout;
pub mod session;
pub mod turn;

/// One table of a profile.
#[derive(Debug)]
pub struct Table {
    /// `[profile.NAME.this]`.
    pub name: &'static str,
    /// One line: what it is about.
    pub doc: &'static str,
    /// Its keys, in the order they are shown.
    pub params: &'static [Param],
}

impl Table {
    /// The key of this name.
    pub fn param(&self, name: &str) -> Option<&'static Param> {
        self.params.iter().find(|p| p.name == name)
    }
}

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableId {
    /// What is asked of the service.
    Session,
    /// Microphone and speaker.
    Device,
    /// The connection.
    Link,
    /// Turn taking.
    Turn,
    /// How replies are played.
    Playout,
    /// What it may cost.
    Budget,
}

impl TableId {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 6] =
        [Self::Session, Self::Device, Self::Link, Self::Turn, Self::Playout, Self::Budget];

    /// What is known about it.
    pub const fn table(self) -> &'static Table {
        match self {
            Self::Session => &session::TABLE,
            Self::Device => &device::TABLE,
            Self::Link => &link::TABLE,
            Self::Turn => &turn::TABLE,
            Self::Playout => &playout::TABLE,
            Self::Budget => &budget::TABLE,
        }
    }

    /// The table of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|id| id.table().name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::DeviceSettings,
        dialog::{PlayoutSettings, TurnSettings},
        pipeline::Values,
        protocol::{LinkSettings, SessionSettings},
    };

    fn defaults(id: TableId) -> Values {
        Values::defaults(id.table().params)
    }

    #[test]
    fn a_table_without_keys_gives_the_machine_its_own_defaults() {
        let turn = turn::settings(&defaults(TableId::Turn));
        assert_eq!(turn, TurnSettings::default());
        assert_eq!(playout::settings(&defaults(TableId::Playout)), PlayoutSettings::default());
        assert_eq!(link::settings(&defaults(TableId::Link)), LinkSettings::default());
        assert_eq!(device::settings(&defaults(TableId::Device)), DeviceSettings::default());
        let session = session::settings(&defaults(TableId::Session), &turn);
        assert_eq!(session, SessionSettings::default());
    }

    #[test]
    fn every_default_is_within_its_own_bounds_and_documented() {
        for id in TableId::ALL {
            for param in id.table().params {
                assert!(!param.doc.is_empty() && !param.doc.ends_with('.'), "{}", param.name);
                if let Some(value) = param.default.value() {
                    let again = super::super::typed::within(param, value.clone());
                    assert_eq!(again.ok(), Some(value), "{}", param.name);
                }
            }
        }
    }
}
