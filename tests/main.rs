//! One binary for every test that stands outside the library.

#[cfg(test)]
#[cfg(feature = "json")]
mod admission {
    #[cfg(feature = "cli")]
    mod command;
    mod recorded;
    mod review;
    pub(crate) mod support;
}
#[cfg(test)]
#[cfg(all(feature = "cli", unix))]
mod against_envoy;
#[cfg(test)]
#[cfg(all(feature = "ca", unix))]
mod ca {
    mod checkpoint;
    #[cfg(feature = "cli")]
    mod command;
    #[cfg(feature = "cli")]
    mod crash;
    mod damage;
    #[cfg(feature = "cli")]
    mod document;
    mod envoy;
    mod faulty;
    mod forge;
    #[cfg(all(feature = "cli", feature = "hsm"))]
    mod hsm;
    mod limbo;
    mod recipes;
    mod rotation;
    mod shelf;
    pub(crate) mod support;
    #[cfg(feature = "cli")]
    mod transport;
}
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
mod cli_envoy;
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
mod cli_schema;
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
    mod istio_filters;
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
#[cfg(feature = "cli")]
mod documents;
#[cfg(test)]
#[cfg(feature = "cli")]
mod explained;
#[cfg(test)]
#[cfg(feature = "yaml")]
mod explanation;
#[cfg(test)]
#[cfg(feature = "cli")]
#[path = "../fuzz/lib.rs"]
#[expect(unreachable_pub, reason = "a library of its own for the fuzz targets")]
#[expect(clippy::wildcard_enum_match_arm, reason = "the second evaluator is as simple as can be")]
mod fuzz;
#[cfg(test)]
#[cfg(feature = "cli")]
mod inputs;
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
    mod fixes;
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
#[cfg(all(feature = "yaml", feature = "jwt"))]
mod regressions;
#[cfg(test)]
#[cfg(feature = "cli")]
mod second_evaluator;
#[cfg(test)]
#[cfg(feature = "yaml")]
mod statements;
#[cfg(test)]
#[cfg(feature = "cli")]
mod suites {
    mod bad;
    mod ci;
    mod coverage;
    mod documents;
    mod formats;
    mod init;
    mod mutation;
    mod run;
    mod schema;
}
#[cfg(test)]
mod support;
#[cfg(test)]
#[cfg(feature = "yaml")]
mod surprises;
#[cfg(test)]
mod tidy;
#[cfg(test)]
#[cfg(feature = "cli")]
mod tutorial;
#[cfg(test)]
#[cfg(all(feature = "server", feature = "ca", unix))]
mod server {
    #[cfg(feature = "kube")]
    mod api_server;
    mod cluster;
    #[cfg(feature = "cli")]
    mod deploy;
    #[cfg(feature = "cli")]
    mod hostile;
    #[cfg(feature = "cli")]
    mod hostile_http2;
    #[cfg(feature = "cli")]
    mod process;
    mod serve;
    mod support;
    #[cfg(feature = "otel")]
    mod traces;
    #[cfg(feature = "cli")]
    mod watched;
    #[cfg(feature = "kube")]
    mod watched_cluster;
}
