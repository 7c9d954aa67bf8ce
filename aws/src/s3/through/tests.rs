//! What `through` promises.
