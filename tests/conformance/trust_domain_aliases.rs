//! The corpus of trust domain aliases: every case of the five files about rewriting, and of the one about
//! the trust domains of MeshConfig.
//!
//! Out of scope here: `istio/trustdomain/trust_domain_values_validity.yaml`, which is about the values that
//! an AuthorizationPolicy may have, and the files of matchers and models that lie in the same folder.

use portcullis::spiffe::{
    TrustDomains, enforced_trust_domain, replace_trust_domain, validate_mesh_trust_domain,
};
use serde_yaml::Value;

use crate::support::corpus::{Run, document, flag, list, text, texts};

fn trust_domains(case: &Value) -> TrustDomains {
    TrustDomains {
        own: text(case, "trustDomain").to_owned(),
        aliases: texts(case, "trustDomainAliases")
            .into_iter()
            .map(str::to_owned)
            .collect(),
    }
}

#[test]
fn principals_are_rewritten_as_istiod_does() {
    let Some(document) = document("istio/trustdomain/replace_aliases.yaml") else { return };
    let mut run = Run::default();
    for case in list(&document, "cases") {
        let got = trust_domains(case).principals(texts(case, "principals"));
        let want = texts(case, "expected")
            .into_iter()
            .map(str::to_owned)
            .collect();
        run.case(text(case, "name"), &want, &got);
    }
    run.agrees_in(13);
}

#[test]
fn the_trust_domain_of_a_principal_is_replaced_as_istiod_does() {
    let Some(document) = document("istio/trustdomain/replace_in_principal.yaml") else { return };
    let mut run = Run::default();
    for case in list(&document, "cases") {
        // An error is absence here: istiod only logs it and keeps the principal.
        let want = case["expected"].as_str().map(str::to_owned);
        assert_eq!(want.is_none(), case["error"].as_bool() == Some(true));
        let got = replace_trust_domain(text(case, "principal"), text(case, "trustDomain"));
        run.case(text(case, "name"), &want, &got);
    }
    run.agrees_in(4);
}

#[test]
fn a_principal_demands_a_trust_domain_where_istiod_says_so() {
    let Some(document) = document("istio/trustdomain/trust_domain_enforced.yaml") else { return };
    let mut run = Run::default();
    for case in list(&document, "cases") {
        let principal = text(case, "principal");
        run.case(principal, &flag(case, "enforced"), &enforced_trust_domain(principal).is_some());
    }
    run.agrees_in(6);
}

#[test]
fn the_trust_domain_of_a_principal_is_its_first_part() {
    let Some(document) = document("istio/trustdomain/trust_domain_of_principal.yaml") else {
        return;
    };
    let mut run = Run::default();
    for case in list(&document, "cases") {
        let principal = text(case, "principal");
        let want = (!flag(case, "error")).then(|| text(case, "expected"));
        run.case(principal, &want, &enforced_trust_domain(principal));
    }
    run.agrees_in(4);
}

#[test]
fn a_star_on_either_side_is_known_as_istiod_does() {
    let Some(document) = document("istio/trustdomain/bidirectional_string_match.yaml") else {
        return;
    };
    let mut run = Run::default();
    for case in list(&document, "cases") {
        let list = texts(case, "list");
        let (own, aliases) = list.split_first().unwrap();
        let mesh = TrustDomains {
            own: (*own).to_owned(),
            aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        };
        run.case(text(case, "name"), &flag(case, "expected"), &mesh.knows(text(case, "element")));
    }
    run.agrees_in(5);
}

#[test]
fn mesh_config_takes_trust_domains_as_istiod_does() {
    let Some(document) = document("istio/validation/trust_domain.yaml") else { return };
    let mut run = Run::default();
    for case in list(&document, "cases") {
        let result = validate_mesh_trust_domain(text(case, "trustDomain"));
        run.case(text(case, "name"), &flag(case, "valid"), &result.is_ok());
        let contains = case["errorContains"].as_str();
        assert_eq!(result.is_err(), contains.is_some());
        if let (Err(error), Some(part)) = (result, contains) {
            assert!(error.to_string().contains(part), "{error}");
        }
    }
    for case in list(&document, "meshConfig") {
        let mesh = trust_domains(case);
        let fields = ["trustDomain".to_owned()]
            .into_iter()
            .chain((0..mesh.aliases.len()).map(|index| format!("trustDomainAliases[{index}]")));
        let got: Vec<String> = mesh
            .iter()
            .zip(fields)
            .filter(|(name, _)| validate_mesh_trust_domain(name).is_err())
            .map(|(_, field)| field)
            .collect();
        let want = texts(case, "invalidFields")
            .into_iter()
            .map(str::to_owned)
            .collect();
        run.case(text(case, "name"), &want, &got);
    }
    run.agrees_in(9);
}
