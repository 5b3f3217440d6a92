//! The link over real loopback sockets: a whole turn, and every way in which a
//! server can fail. Every wait has a deadline; nothing sleeps.

mod bench;
mod dialling;
mod hostile;
mod moving;
mod talking;
mod trouble;
