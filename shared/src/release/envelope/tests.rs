//! What `envelope` promises.
