//! One binary for every test that stands outside the library.

#[cfg(test)]
#[cfg(feature = "cli")]
mod cli;
#[cfg(test)]
#[cfg(feature = "cli")]
mod cli_documents;
#[cfg(test)]
#[cfg(feature = "cli")]
mod cli_dump;
#[cfg(test)]
#[cfg(feature = "cli")]
mod cli_flags;
#[cfg(test)]
#[cfg(feature = "cli")]
mod cli_help;
#[cfg(test)]
#[cfg(feature = "cli")]
mod cli_names;
#[cfg(test)]
#[cfg(feature = "cli")]
mod cli_settings;
#[cfg(test)]
#[cfg(feature = "cli")]
mod cli_survey;
#[cfg(test)]
#[cfg(feature = "cli")]
mod cli_via;
#[cfg(test)]
mod conformance {
    #[cfg(feature = "cli")]
    pub(crate) mod envoy;
    #[cfg(feature = "cli")]
    mod explanations;
    #[cfg(feature = "yaml")]
    mod matchers;
    mod paths;
    #[cfg(feature = "yaml")]
    mod peer_authentication;
    #[cfg(feature = "yaml")]
    mod policy_values;
    #[cfg(feature = "yaml")]
    mod samples;
    #[cfg(feature = "yaml")]
    mod selection;
    mod spiffe;
    mod trust_domain_aliases;
    #[cfg(feature = "yaml")]
    mod validation;
}
#[cfg(test)]
#[cfg(feature = "yaml")]
mod inventory;
#[cfg(test)]
mod layers;
#[cfg(test)]
#[cfg(feature = "cli")]
mod lints {
    mod claims;
    mod commands;
    mod corpus;
    mod examples;
}
#[cfg(test)]
#[cfg(feature = "cli")]
mod policies;
#[cfg(test)]
#[cfg(feature = "yaml")]
mod properties;
#[cfg(test)]
#[cfg(feature = "yaml")]
mod refusals;
#[cfg(test)]
#[cfg(feature = "yaml")]
mod statements;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tidy;
