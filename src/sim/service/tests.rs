//! The sequences of the protocol reference, in virtual time.
