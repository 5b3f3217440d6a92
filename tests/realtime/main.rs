//! Real-time code allocates nothing: a binary of its own, because a program
//! has one global allocator and this one counts.

mod counting;
#[cfg(all(feature = "cpal", target_os = "linux"))]
mod pulse;
mod stages;
mod talk;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;
