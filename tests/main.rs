//! One binary for every test that stands outside the library.

#[cfg(test)]
mod conformance {
    #[cfg(feature = "cli")]
    mod envoy;
    #[cfg(feature = "yaml")]
    mod matchers;
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
mod layers;
#[cfg(feature = "yaml")]
#[cfg(test)]
mod properties;
#[cfg(all(test, feature = "yaml"))]
mod refusals;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tidy;
