//! What people see: signals found in recordings, results of benchmarks, tables
//! for a terminal.
//!
//! Nothing here runs in real time.

pub mod echo;
pub mod figures;
pub mod loopback;
pub mod probe;
pub mod report;
pub mod results;
pub mod timeline;
