//! Tests of how closes are judged.
