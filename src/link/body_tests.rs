//! Timelines of the whole link.
