//! The live state that a preview was computed from, as one hash.
