//! What `delivery` promises.
