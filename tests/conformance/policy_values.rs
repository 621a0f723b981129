//! Single values of policies: conditions, path templates, trust domains, ports, key set URIs.

use portcullis::matcher::{is_template, parse_port};
use portcullis::validate::{JwksUri, Refuser};

use crate::support::corpus::{Run, document, flag, list, text, texts};
use crate::support::load::Said;

const FOLDER: &str = "istio/trustdomain";

/// Whether the webhook takes a rule of an ALLOW policy, given as JSON; what it refuses is refused by `rule`.
fn takes(rule: &str, json: &str) -> bool {
    let said = Said::of(&format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p}}\nspec: {{\"rules\": [{json}]}}\n"
    ));
    let causes = said.causes(Refuser::is_webhook);
    assert!(causes.iter().all(|cause| cause == rule), "{json}: {causes:?}");
    causes.is_empty()
}

fn quoted(values: &[&str]) -> String {
    let quoted: Vec<_> = values
        .iter()
        .map(|value| format!("'{}'", value.replace('\'', "''")))
        .collect();
    format!("[{}]", quoted.join(", "))
}

#[test]
fn conditions_are_refused_as_istio_does() {
    let Some(corpus) = document(&format!("{FOLDER}/condition_validity.yaml")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let (key, values) = (text(case, "key"), quoted(&texts(case, "values")));
        for field in ["values", "notValues"] {
            let json = format!("{{\"when\": [{{\"key\": '{key}', \"{field}\": {values}}}]}}");
            run.case(&json, &flag(case, "valid"), &takes("VAL-29", &json));
        }
    }
    run.agrees_in(2 * 38);
}

#[test]
fn path_templates_are_refused_as_istio_does() {
    let Some(corpus) = document(&format!("{FOLDER}/path_template_validity.yaml")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let paths = quoted(&texts(case, "paths"));
        let json = format!("{{\"to\": [{{\"operation\": {{\"paths\": {paths}}}}}]}}");
        run.case(text(case, "name"), &flag(case, "valid"), &takes("VAL-28", &json));
    }
    run.agrees_in(22);
}

#[test]
fn literal_segments_beside_an_operator_are_refused_as_istio_does() {
    let Some(corpus) = document(&format!("{FOLDER}/path_template_literal.yaml")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        // Between two others, so that a slash in it makes an empty segment.
        let path = format!("/{{*}}/{}/end", text(case, "segment"));
        let json = format!("{{\"to\": [{{\"operation\": {{\"paths\": {}}}}}]}}", quoted(&[&path]));
        run.case(text(case, "name"), &flag(case, "valid"), &takes("VAL-28", &json));
    }
    run.agrees_in(15);
}

#[test]
fn paths_are_templates_as_istio_says() {
    let Some(corpus) = document(&format!("{FOLDER}/path_is_template.yaml")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let got = is_template(text(case, "path"));
        run.case(text(case, "name"), &flag(case, "expected"), &got);
    }
    run.agrees_in(5);
}

#[test]
fn trust_domains_of_sources_are_refused_as_istio_does() {
    let Some(corpus) = document(&format!("{FOLDER}/trust_domain_values_validity.yaml")) else {
        return;
    };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let values = quoted(&texts(case, "values"));
        let json = format!("{{\"from\": [{{\"source\": {{\"trustDomains\": {values}}}}}]}}");
        run.case(text(case, "name"), &flag(case, "valid"), &takes("VAL-24", &json));
    }
    run.agrees_in(7);
}

#[test]
fn values_with_a_star_are_refused_as_istio_does() {
    let Some(corpus) = document(&format!("{FOLDER}/wildcard_values_validity.yaml")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let values = quoted(&texts(case, "values"));
        // The one key whose values are checked so and in no other way.
        let json =
            format!("{{\"when\": [{{\"key\": \"source.trustDomain\", \"values\": {values}}}]}}");
        run.case(text(case, "name"), &flag(case, "valid"), &takes("VAL-29", &json));
    }
    run.agrees_in(7);
}

#[test]
fn ports_are_read_as_istio_does() {
    let Some(corpus) = document(&format!("{FOLDER}/model_port.yaml")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let want = case["expected"].as_u64();
        let got = parse_port(text(case, "value")).ok().map(u64::from);
        run.case(text(case, "name"), &want, &got);
    }
    run.agrees_in(4);
}

#[test]
fn key_set_uris_are_read_as_istio_does() {
    let Some(corpus) = document(&format!("{FOLDER}/jwks_uri.yaml")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let uri = text(case, "uri");
        let expected = &case["expected"];
        let want = (!expected.is_null()).then(|| JwksUri {
            host: text(expected, "hostname").to_owned(),
            port: expected["port"].as_i64().unwrap(),
            tls: flag(expected, "tls"),
        });
        run.case(uri, &want, &JwksUri::parse(uri).ok());
    }
    run.agrees_in(7);
}
