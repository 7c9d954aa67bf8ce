//! What `statement` promises.
