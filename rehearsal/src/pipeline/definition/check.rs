//! What is wrong with a definition that can be read.

use super::Definition;

/// Every rule that the definition breaks.
pub(super) fn everything(_definition: &Definition) -> Vec<String> {
    Vec::new()
}
