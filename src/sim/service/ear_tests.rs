//! Where turns begin and end.
