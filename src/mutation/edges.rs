//! A condition → changes of a request that lead just into its values and just out of them again.

use crate::explanation::Change;
use crate::matcher::IpBlock;
use crate::mesh::{Attribute, Condition};

/// So many values of a condition are looked at.
const VALUES: usize = 12;

/// Proposals: what a condition then says is for the evaluator to say.
#[must_use]
pub fn edges(condition: &Condition) -> Vec<Change> {
    let values = condition.values.iter().take(VALUES);
    values
        .flat_map(|value| around(&condition.attribute, &value.written.value))
        .collect()
}

fn around(attribute: &Attribute, value: &str) -> Vec<Change> {
    match attribute {
        Attribute::SourcePrincipal => texts(value)
            .into_iter()
            .filter(|text| text.split('/').count() >= 5)
            .map(Change::Principal)
            .collect(),
        Attribute::Path => {
            let paths = if value.contains('{') { from_template(value) } else { texts(value) };
            paths
                .into_iter()
                .filter(|path| path.starts_with('/'))
                .map(Change::Path)
                .collect()
        }
        Attribute::Host => texts(value).into_iter().map(Change::Host).collect(),
        Attribute::Method => texts(value).into_iter().map(Change::Method).collect(),
        Attribute::ServerName => texts(value).into_iter().map(Change::ServerName).collect(),
        Attribute::RequestHeader(name) if !name.starts_with(':') => {
            let header = |value| Change::Header { name: name.clone(), value: Some(value) };
            texts(value).into_iter().map(header).collect()
        }
        Attribute::SourceIp => addresses(value).into_iter().map(Change::SourceIp).collect(),
        Attribute::RemoteIp => addresses(value).into_iter().map(Change::RemoteIp).collect(),
        Attribute::SourceNamespace
        | Attribute::SourceServiceAccount
        | Attribute::SourceTrustDomain
        | Attribute::RequestPrincipal
        | Attribute::RequestAudiences
        | Attribute::RequestPresenter
        | Attribute::RequestClaim(_)
        | Attribute::RequestHeader(_)
        | Attribute::DestinationPort
        | Attribute::DestinationIp
        | Attribute::FilterMetadata(..) => Vec::new(),
    }
}

/// The text of a pattern, and the same with one character more at either end.
fn texts(value: &str) -> Vec<String> {
    let text = value
        .strip_prefix('*')
        .or_else(|| value.strip_suffix('*'))
        .unwrap_or(value);
    vec![text.to_owned(), format!("{text}x"), format!("x{text}")]
}

/// Paths of a template whose operators take one segment, and more.
fn from_template(template: &str) -> Vec<String> {
    let filled = |one: &str, many: &str| template.replace("{**}", many).replace("{*}", one);
    vec![filled("x", "x"), filled("x", "x/y"), filled("x/y", "x/y"), filled("", "")]
}

/// The first address of a block and those beside it.
fn addresses(value: &str) -> Vec<std::net::IpAddr> {
    let Ok(block) = IpBlock::parse(value) else { return Vec::new() };
    std::iter::once(block.first())
        .chain(block.beside().into_iter().flatten())
        .collect()
}
