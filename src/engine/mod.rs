//! engine.
// The edge: it runs the machines on threads and in real time.
#![allow(clippy::disallowed_methods)]
