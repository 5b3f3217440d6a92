//! Real-time code allocates nothing: a binary of its own, because a program
//! has one global allocator and this one counts. For the same reason it is here
//! that hostile input is held to its bounds.

#![cfg_attr(rtsan, feature(sanitize))]

mod counting;
mod hostile;
#[cfg(all(feature = "cpal", target_os = "linux"))]
mod pulse;
#[cfg(rtsan)]
mod rtsan;
mod stages;
mod talk;
mod two_hours;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;
