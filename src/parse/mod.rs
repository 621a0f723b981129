//! Text to resources: every complaint is collected, nothing is left out.

pub(crate) mod node;
pub(crate) mod reader;
mod scalar;
pub(crate) mod suggest;
mod tree;
pub(crate) mod yaml;
