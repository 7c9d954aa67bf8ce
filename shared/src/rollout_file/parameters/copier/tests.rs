//! What the door for these parameters promises.
