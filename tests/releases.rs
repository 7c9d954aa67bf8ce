//! artifact-copier: what was tested and approved arrives in the production account, whole, signed and
//! once, and the pipeline hears what production made of it.

pub(crate) mod case;
mod copies;
mod faults;
mod follows;
mod refuses;
