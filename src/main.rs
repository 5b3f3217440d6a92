//! The `chinwag` program: everything it does is in [`chinwag::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    chinwag::cli::run(std::env::args_os())
}
