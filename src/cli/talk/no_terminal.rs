//! Where there is no Unix terminal: orders come in lines, nothing is changed
//! and nothing put back.

/// Nothing ever makes one.
#[derive(Debug)]
pub(in crate::cli) enum Terminal {}

impl Terminal {
    pub(in crate::cli) fn enter() -> Option<Self> {
        None
    }

    pub(in crate::cli) fn resume(&self) {
        match *self {}
    }

    pub(in crate::cli) fn restorer(&self) -> Restorer {
        match *self {}
    }
}

// As the other one, which is dropped in so many words.
impl Drop for Terminal {
    fn drop(&mut self) {}
}

/// What is made of one.
#[derive(Clone, Debug)]
pub(in crate::cli) enum Restorer {}

/// How wide it is taken to be.
pub(in crate::cli) fn columns() -> usize {
    80
}
