//! What `kubectl get … -A -o yaml` prints is read as it is.

use portcullis::cli::Exit;
use rstest::rstest;

use crate::support::captured::Captured;
use crate::support::project;

#[rstest]
#[case::a_pod_of_a_stateful_set("web-0.shop http://cart.shop/", Exit::Yes)]
#[case::by_address("10.244.1.18 http://cart.shop/", Exit::Yes)]
// [CL-15] No Service has it: the sidecar hands the bytes on as they are, and the port is STRICT.
#[case::at_the_pods_address("web-0.shop http://10.244.1.17:8080/", Exit::No)]
#[case::at_the_services_address("web-0.shop http://10.96.14.3/", Exit::Yes)]
#[case::at_no_port_of_the_services_address("web-0.shop http://10.96.14.3:81/", Exit::CouldNotAsk)]
#[case::another_method("web-0.shop POST http://cart.shop/", Exit::No)]
#[case::the_meshs_trust_domain("corp.example/ns/shop/sa/web http://cart.shop/", Exit::Yes)]
#[case::another_trust_domain("cluster.local/ns/shop/sa/web http://cart.shop/", Exit::No)]
#[case::an_account_is_of_the_meshs_trust_domain("sa/web.shop http://cart.shop/", Exit::Yes)]
#[case::plaintext("--plaintext http://cart.shop/", Exit::No)]
fn a_dump_of_a_cluster_is_read_from_standard_input(#[case] words: &str, #[case] want: Exit) {
    let dump = project("tests/dumps/cluster.yaml");
    let words = format!("can-i {words} -f -");
    let words: Vec<&str> = words.split(' ').collect();
    let call = Captured::with(&[("-", &dump)]).run(&words);
    assert_eq!(call.exit, want, "{}{}", call.out, call.err);
    assert_eq!(call.err.is_empty(), want != Exit::CouldNotAsk, "{}", call.err);
}

#[test]
fn a_place_in_a_dump_is_one_of_the_dump() {
    let dump = project("tests/dumps/cluster.yaml");
    let call = Captured::with(&[("-", &dump)]).run(&[
        "can-i",
        "web-0.shop",
        "http://cart.shop/",
        "-f",
        "-",
    ]);
    insta::assert_snapshot!(call.out, @r"
    yes     web-0.shop → cart.shop:80 GET /
            because ALLOW policy `shop/cart` rule 0 admits it
            --> -:400:7
    ");
}
