//! duplex.
