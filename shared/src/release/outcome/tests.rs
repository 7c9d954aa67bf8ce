//! What `outcome` promises.
