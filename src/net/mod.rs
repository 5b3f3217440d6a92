//! net.
// The edge: it waits for sockets.
#![allow(clippy::disallowed_methods)]
