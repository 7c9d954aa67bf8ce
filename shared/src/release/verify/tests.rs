//! What `verify` promises.
