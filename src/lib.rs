//! Talk with the Gemini Live API: a lock-free real-time audio engine with a
//! plug-in pipeline, and everything that runs on it.
//!
//! The layers, lowest first: [`audio`] is the vocabulary; [`pipeline`],
//! [`dialog`] and [`protocol`] are plain machines that know no clock, thread,
//! socket or sound card; [`config`] says how they are set up; [`duplex`] and
//! [`link`] are the bodies that run them; [`sim`] runs everything in virtual
//! time. [`device`], [`net`], [`engine`] and [`cli`] are the edge, the only
//! places that read a clock, wait, spawn or touch the outside.
#![forbid(unsafe_code)]
// For `make prove`: RealtimeSanitizer, which only a nightly compiler has.
#![cfg_attr(rtsan, feature(sanitize))]

pub mod audio;
pub mod cli;
pub mod config;
pub mod device;
pub mod dialog;
pub mod duplex;
pub mod engine;
pub mod link;
pub mod measure;
pub mod net;
pub mod pipeline;
pub mod protocol;
pub mod sim;
