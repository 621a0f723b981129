//! Policies tested from Rust: `cargo test --example policy_tests`. In a repository of policies this is a file of `tests/`.

use portcullis::testing::Failures;

fn main() -> Result<(), Failures> {
    portcullis::testing::run("policies/bookinfo")
}

#[cfg(test)]
mod tests {
    use portcullis::decide::Verdict;
    use portcullis::testing::{Failures, Policies, run};
    use rstest::rstest;

    #[test]
    fn every_suite_passes() -> Result<(), Failures> {
        run("policies/bookinfo")
    }

    #[rstest]
    #[case::the_call_graph(
        "productpage.bookinfo http://details.bookinfo:9080/details/0",
        Verdict::Allow
    )]
    #[case::the_other_way(
        "details.bookinfo http://productpage.bookinfo:9080/productpage",
        Verdict::Deny
    )]
    #[case::without_identity(
        "--plaintext http://details.bookinfo:9080/details/0",
        Verdict::Refused
    )]
    fn who_may_call_whom(#[case] question: &str, #[case] want: Verdict) -> Result<(), Failures> {
        let policies = Policies::load("policies/bookinfo")?;
        assert_eq!(policies.verdict(question)?, want);
        Ok(())
    }
}
