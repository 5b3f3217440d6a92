//! The edge to sound: files, cards, and what stands in for them.

pub mod wave_file;
