//! What `images` promises.
