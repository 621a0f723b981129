//! Resources → mutants: the same policies, each weakened or strengthened in one place, to see whether a suite notices.

mod authorization_policy;
mod edges;
mod edit;
mod other_policies;
mod question;
mod same;
mod score;
mod text;
mod witness;

use std::fmt;

pub use edges::edges;
pub use edit::{Diff, diff};
pub use question::question;
pub use same::{resource_in, same};
pub use score::{Fate, Verdicts, baseline, fate};
pub use witness::{Witness, alternatives, changes_nothing, met, starts, witness};

use crate::diagnostic::Origin;
use crate::istio::Resource;

/// Declares [`Operator`]: one row an operator, with its name and what it does.
macro_rules! operators {
    ($($(#[doc = $doc:literal])* $name:ident = $word:literal;)*) => {
        /// What is done to a policy.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Operator { $($(#[doc = $doc])* $name,)* }

        impl Operator {
            /// Every operator.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name, as reports write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

operators! {
    /// The policy is not there.
    DropPolicy = "drop-policy";
    /// One entry of `rules` or `jwtRules` is not there; with the last one, the field is not.
    DropRule = "drop-rule";
    /// ALLOW becomes DENY and the other way round.
    FlipAction = "flip-action";
    /// `from` or `to` is not there: any source, any operation.
    DropPart = "drop-part";
    /// One of several entries of `from` or `to` is not there.
    DropAlternative = "drop-alternative";
    /// One field of a `source` or `operation`, or one entry of `when`, is not there.
    DropCondition = "drop-condition";
    /// One of several values is not there.
    DropValue = "drop-value";
    /// `X` becomes `notX` and the other way round.
    Negate = "negate";
    /// An exact value becomes a prefix, a pattern everything, a block a larger one, `{*}` becomes `{**}`.
    WidenValue = "widen-value";
    /// A pattern becomes the text beside its star.
    NarrowValue = "narrow-value";
    /// The selector is not there: every workload of the namespace.
    DropSelector = "drop-selector";
    /// The policy stands in the root namespace: every namespace.
    WidenNamespace = "widen-namespace";
    /// STRICT becomes PERMISSIVE, for a policy or one port.
    LoosenMtls = "loosen-mtls";
    /// PERMISSIVE or DISABLE becomes STRICT, for a policy or one port.
    TightenMtls = "tighten-mtls";
    /// One entry of `portLevelMtls` is not there.
    DropPort = "drop-port";
}

/// One step from a resource to a field of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A field of a mapping.
    Field(String),
    /// An item of a list, from 0.
    Item(usize),
}

/// What a mutant does to the text that the resource was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// What stands at the path goes.
    Drop,
    /// The mapping at the path gets this field.
    Insert(&'static str, String),
    /// The field at the path is called so.
    Rename(String),
    /// The text at the path becomes this.
    Replace(String),
}

/// One resource, changed in one place.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// What is done.
    pub operator: Operator,
    /// Where the resource is written.
    pub origin: Origin,
    /// Its kind.
    pub kind: String,
    /// Its `namespace/name`.
    pub id: String,
    /// Where in it; empty for all of it.
    pub path: Vec<Step>,
    /// The resource as it is now; absent: it is not there.
    pub resource: Option<Resource>,
    pub(crate) edit: Edit,
}

/// `widen-value AuthorizationPolicy foo/readers spec.rules[0].to[0].operation.paths[1]`: the same as long as the
/// policy's own fields stay where they are.
impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.operator.as_str(), self.kind, self.id)?;
        for (index, step) in self.path.iter().enumerate() {
            match step {
                Step::Field(name) => write!(f, "{}{name}", if index == 0 { " " } else { "." })?,
                Step::Item(item) => write!(f, "[{item}]")?,
            }
        }
        Ok(())
    }
}

/// Every mutant of a resource, in the order of its fields. None of a resource that is no policy.
#[must_use]
pub fn mutants(resource: &Resource, root_namespace: &str) -> Vec<Mutant> {
    let mut into = Mutants { resource, mutants: Vec::new() };
    match resource {
        Resource::AuthorizationPolicy(policy) => authorization_policy::mutate(policy, &mut into),
        Resource::PeerAuthentication(policy) => other_policies::peer(policy, &mut into),
        Resource::RequestAuthentication(policy) => other_policies::tokens(policy, &mut into),
        Resource::Namespace(_)
        | Resource::ServiceAccount(_)
        | Resource::Service(_)
        | Resource::Workload(_)
        | Resource::MeshConfig(..)
        | Resource::Later { .. } => return Vec::new(),
    }
    into.add(Operator::DropPolicy, Vec::new(), Edit::Drop, None);
    if resource.meta().namespace != root_namespace {
        let mut moved = resource.clone();
        match &mut moved {
            Resource::AuthorizationPolicy(policy) => {
                policy.meta.namespace = root_namespace.to_owned();
            }
            Resource::PeerAuthentication(policy) => {
                policy.meta.namespace = root_namespace.to_owned();
            }
            Resource::RequestAuthentication(policy) => {
                policy.meta.namespace = root_namespace.to_owned();
            }
            Resource::Namespace(_)
            | Resource::ServiceAccount(_)
            | Resource::Service(_)
            | Resource::Workload(_)
            | Resource::MeshConfig(..)
            | Resource::Later { .. } => {}
        }
        let path = fields(&["metadata", "namespace"]);
        let edit = Edit::Replace(root_namespace.to_owned());
        into.add(Operator::WidenNamespace, path, edit, Some(moved));
    }
    into.mutants
}

/// The mutants of one resource so far.
struct Mutants<'r> {
    resource: &'r Resource,
    mutants: Vec<Mutant>,
}

impl Mutants<'_> {
    fn add(&mut self, operator: Operator, path: Vec<Step>, edit: Edit, resource: Option<Resource>) {
        if resource.as_ref() == Some(self.resource) {
            return;
        }
        let meta = self.resource.meta();
        self.mutants.push(Mutant {
            operator,
            origin: meta.origin.clone(),
            kind: self.resource.kind().to_owned(),
            id: meta.id(),
            path,
            resource,
            edit,
        });
    }
}

fn fields(names: &[&str]) -> Vec<Step> {
    names
        .iter()
        .map(|&name| Step::Field(name.to_owned()))
        .collect()
}

/// The path, one step further.
fn below(path: &[Step], step: Step) -> Vec<Step> {
    let mut path = path.to_vec();
    path.push(step);
    path
}

fn field(path: &[Step], name: &str) -> Vec<Step> {
    below(path, Step::Field(name.to_owned()))
}

fn item(path: &[Step], index: usize) -> Vec<Step> {
    below(path, Step::Item(index))
}
