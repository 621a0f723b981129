//! A regular expression from the command line → whether a name is wanted.

use regex_lite::Regex;

use super::complain_of;
use super::system::System;
use crate::diagnostic::{Code, Diagnostic};

/// Which names are wanted.
pub(crate) struct Filter(Option<Regex>);

impl Filter {
    /// Reads the expression; absent: every name is wanted. One that is none is complained of, as `flag`.
    pub(crate) fn of(flag: &str, text: Option<&str>, system: &mut impl System) -> Option<Self> {
        match text.map(Regex::new).transpose() {
            Ok(filter) => Some(Self(filter)),
            Err(error) => {
                let message = format!("`{flag}` is no regular expression: {error}");
                complain_of(system, &[Diagnostic::error(Code::BadRequest, message)]);
                None
            }
        }
    }

    /// Whether it is wanted by one of its names.
    pub(crate) fn wants(&self, names: &[&str]) -> bool {
        self.0
            .as_ref()
            .is_none_or(|filter| names.iter().any(|name| filter.is_match(name)))
    }

    /// Whether every name is wanted.
    pub(crate) const fn is_all(&self) -> bool {
        self.0.is_none()
    }
}
