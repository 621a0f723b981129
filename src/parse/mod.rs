//! Text to resources: every complaint is collected, nothing is left out.

pub(crate) mod node;
pub(crate) mod reader;
pub(crate) mod suggest;
