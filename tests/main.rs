//! One binary for every test that stands outside the library.

#[cfg(test)]
mod conformance {
    mod spiffe;
    mod trust_domain_aliases;
}
#[cfg(test)]
mod support;
