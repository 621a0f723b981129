//! One finding: where it is, what is wrong, how sure that is, the request that shows it, and the fix.

use super::Witness;
use crate::diagnostic::{FieldPath, Origin, Position, Sourced};
use crate::istio::Meta;

/// How sure a finding is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sure {
    /// It is so, by what the files say.
    #[default]
    Certain,
    /// It is so if this holds, which the files do not say.
    If(String),
}

/// Another place that belongs to a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// The place.
    pub origin: Origin,
    /// What stands there.
    pub label: String,
}

/// A change of the text that mends a finding and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as an order.
    pub title: String,
    /// What changes; never empty.
    pub edits: Vec<Edit>,
}

/// A change of one scalar of a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edit {
    /// Another item behind the one that is written there.
    Append {
        /// The item that is there, and its place.
        behind: (Origin, String),
        /// The new item.
        value: String,
    },
    /// Another scalar instead of the one that is written there.
    Replace {
        /// The scalar that is there, and its place.
        written: (Origin, String),
        /// The new one.
        value: String,
    },
}

impl Edit {
    /// The place, and the scalar that must stand there.
    #[must_use]
    pub const fn place(&self) -> &(Origin, String) {
        match self {
            Self::Append { behind, .. } => behind,
            Self::Replace { written, .. } => written,
        }
    }
}

/// One finding.
#[derive(Clone, Debug)]
pub struct Finding {
    /// `AuthorizationPolicy foo/allow`.
    pub resource: String,
    /// Where the resource begins.
    pub resource_origin: Origin,
    /// Where it is.
    pub origin: Origin,
    /// Which field it is about; empty for the whole resource.
    pub path: FieldPath,
    /// The scalar that is written there; absent for a mapping or a list.
    pub written: Option<Sourced<String>>,
    /// What is wrong: a lower-case fragment, input in backticks.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// How sure it is.
    pub sure: Sure,
    /// The request that shows it.
    pub witness: Option<Witness>,
    /// Other places that belong to it.
    pub related: Vec<Related>,
    /// What mends it.
    pub fix: Option<Fix>,
}

impl Finding {
    /// A certain finding about a whole resource.
    pub(crate) fn of(kind: &str, meta: &Meta, message: impl Into<String>) -> Self {
        Self {
            resource: format!("{kind} {}", meta.id()),
            resource_origin: meta.origin.clone(),
            origin: meta.origin.clone(),
            path: FieldPath::root(),
            written: None,
            message: message.into(),
            help: String::new(),
            sure: Sure::Certain,
            witness: None,
            related: Vec::new(),
            fix: None,
        }
    }

    /// The same at a place of the resource.
    pub(crate) fn at(mut self, position: Position, path: FieldPath) -> Self {
        self.origin = Origin::new(&self.resource_origin.file, position);
        self.path = path;
        self
    }

    /// The same at a scalar of the resource.
    pub(crate) fn value(self, written: &Sourced<String>, path: FieldPath) -> Self {
        let written_there = Some(written.clone());
        Self { written: written_there, ..self.at(written.position, path) }
    }

    /// The same with advice.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }

    /// The same, sure only if this holds.
    pub(crate) fn sure_if(self, what: impl Into<String>) -> Self {
        Self { sure: Sure::If(what.into()), ..self }
    }

    /// The same with a request that shows it.
    pub(crate) fn witness(self, witness: Option<Witness>) -> Self {
        Self { witness, ..self }
    }

    /// The same with another place.
    pub(crate) fn related(mut self, origin: Origin, label: impl Into<String>) -> Self {
        self.related.push(Related { origin, label: label.into() });
        self
    }

    /// The same, with the scalar at its place replaced.
    pub(crate) fn replace(mut self, title: impl Into<String>, value: impl Into<String>) -> Self {
        if let Some(written) = &self.written {
            let written = (self.origin.clone(), written.value.clone());
            let edit = Edit::Replace { written, value: value.into() };
            self.fix = Some(Fix { title: title.into(), edits: vec![edit] });
        }
        self
    }

    /// The same, with another item behind the scalar at its place.
    pub(crate) fn append(mut self, title: impl Into<String>, value: impl Into<String>) -> Self {
        if let Some(written) = &self.written {
            let behind = (self.origin.clone(), written.value.clone());
            let edit = Edit::Append { behind, value: value.into() };
            self.fix = Some(Fix { title: title.into(), edits: vec![edit] });
        }
        self
    }
}
