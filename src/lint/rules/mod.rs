//! Every lint: one file each.

mod account_of_the_root_namespace;
mod address_block;
mod admitted_by_host;
mod allow_all;
mod another_spelling_of_a_path;
mod any_audience;
mod any_trust_domain;
mod claim_with_a_dot;
mod client_address_of_a_header;
mod contradiction;
mod default_account;
mod dry_run;
mod expression_in_a_name;
mod foreign_trust_domain;
mod head_beside_get;
mod header_grants_access;
mod host_that_the_caller_chooses;
mod host_with_a_dot;
mod host_without_its_port;
mod http_field_at_a_ztunnel;
mod http_field_on_a_tcp_port;
mod identity_deny_spares_plaintext;
mod identity_without_mutual_tls;
mod issuer_spelt_otherwise;
mod issuer_twice;
mod keys_fetched_unsafely;
mod lines_joined_by_an_old_proxy;
mod mesh_not_strict;
mod mutual_tls_off;
mod namespace_of_any_domain;
mod negative_identity_admits_plaintext;
mod no_default_deny;
mod old_api_version;
mod path_never_so;
mod path_suffix;
mod path_without_a_slash;
mod policy_without_proxy;
mod port_mode_of_service_port;
mod port_of_the_service;
mod port_past_the_proxy;
mod prefix_without_a_separator;
mod principal_shape;
mod query_in_a_path;
mod secret_key;
mod selects_nothing;
mod several_peer_authentications;
mod spiffe_scheme;
mod split_rule;
mod star_that_is_a_letter;
mod token_in_the_query;
mod token_not_asked_for;
mod token_rule_at_a_ztunnel;
mod token_that_nobody_reads;
mod trailing_slash;
mod trust_domain_at_a_ztunnel;
mod unknown_caller;
mod unknown_method;
mod unusable_authorizer;
mod value_in_a_list;

use super::Lint;

/// Every lint, in the order of its code.
pub const ALL: &[&Lint] = &[
    &identity_without_mutual_tls::LINT,
    &negative_identity_admits_plaintext::LINT,
    &identity_deny_spares_plaintext::LINT,
    &mesh_not_strict::LINT,
    &mutual_tls_off::LINT,
    &port_mode_of_service_port::LINT,
    &several_peer_authentications::LINT,
    &policy_without_proxy::LINT,
    &foreign_trust_domain::LINT,
    &spiffe_scheme::LINT,
    &principal_shape::LINT,
    &unknown_caller::LINT,
    &any_trust_domain::LINT,
    &namespace_of_any_domain::LINT,
    &expression_in_a_name::LINT,
    &account_of_the_root_namespace::LINT,
    &default_account::LINT,
    &allow_all::LINT,
    &no_default_deny::LINT,
    &selects_nothing::LINT,
    &split_rule::LINT,
    &contradiction::LINT,
    &unusable_authorizer::LINT,
    &dry_run::LINT,
    &star_that_is_a_letter::LINT,
    &old_api_version::LINT,
    &another_spelling_of_a_path::LINT,
    &prefix_without_a_separator::LINT,
    &query_in_a_path::LINT,
    &path_never_so::LINT,
    &trailing_slash::LINT,
    &path_suffix::LINT,
    &path_without_a_slash::LINT,
    &unknown_method::LINT,
    &head_beside_get::LINT,
    &host_without_its_port::LINT,
    &host_with_a_dot::LINT,
    &host_that_the_caller_chooses::LINT,
    &admitted_by_host::LINT,
    &value_in_a_list::LINT,
    &header_grants_access::LINT,
    &client_address_of_a_header::LINT,
    &address_block::LINT,
    &token_not_asked_for::LINT,
    &token_that_nobody_reads::LINT,
    &secret_key::LINT,
    &keys_fetched_unsafely::LINT,
    &issuer_spelt_otherwise::LINT,
    &any_audience::LINT,
    &issuer_twice::LINT,
    &token_in_the_query::LINT,
    &claim_with_a_dot::LINT,
    &http_field_on_a_tcp_port::LINT,
    &port_of_the_service::LINT,
    &port_past_the_proxy::LINT,
    &http_field_at_a_ztunnel::LINT,
    &trust_domain_at_a_ztunnel::LINT,
    &token_rule_at_a_ztunnel::LINT,
    &lines_joined_by_an_old_proxy::LINT,
];
