//! One binary for every test that stands outside the library.

#[cfg(test)]
mod conformance {
    #[cfg(feature = "yaml")]
    mod policy_values;
    #[cfg(feature = "yaml")]
    mod samples;
    mod spiffe;
    mod trust_domain_aliases;
    #[cfg(feature = "yaml")]
    mod validation;
}
#[cfg(all(test, feature = "yaml"))]
mod refusals;
#[cfg(test)]
mod support;
