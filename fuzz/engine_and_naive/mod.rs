//! Choices → a mesh and questions about it, and whether the engine and the second evaluator agree.

mod ask;
mod drawn;
mod generate;
mod question;

pub use self::ask::{Agreement, ask, compare, disagree, question as naive_question};
pub use self::drawn::Drawn;
pub use self::question::question;
