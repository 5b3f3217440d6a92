//! What people see: signals found in recordings, tables for a terminal.
//!
//! Nothing here runs in real time.

pub mod echo;
pub mod figures;
pub mod probe;
pub mod report;
pub mod timeline;
