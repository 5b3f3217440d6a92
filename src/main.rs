//! The `chinwag` program: everything it does is in [`chinwag::cli`].

use std::process::ExitCode;

/// So that `chinwag bench` can count.
#[global_allocator]
static ALLOCATOR: chinwag_ffi::Counting = chinwag_ffi::Counting;

fn main() -> ExitCode {
    chinwag_ffi::give_back_big_buffers();
    chinwag::cli::run(std::env::args_os())
}
