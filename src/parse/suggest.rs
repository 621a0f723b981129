//! A misspelt word and the known words → the nearest known word.

/// The known word nearest to `word`, where one is near enough to be worth a question.
/// Case alone (`Rules`) and a missing `s` (`path`) are always near.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let length = word.chars().count();
    let reach = |candidate: &str| 1 + candidate.chars().count() / 4;
    let folded = word.to_lowercase();
    known
        .into_iter()
        // The distance is at least the difference in length; to find it takes the product of both.
        .filter(|candidate| length.abs_diff(candidate.chars().count()) <= reach(candidate))
        .map(|candidate| {
            (strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()), candidate)
        })
        .filter(|(distance, candidate)| *distance <= reach(candidate))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[rstest::rstest]
    #[case::plural("principal", Some("principals"))]
    #[case::case("Namespaces", Some("namespaces"))]
    #[case::transposed("namepsaces", Some("namespaces"))]
    #[case::far("labels", None)]
    fn the_nearest_word_is_offered_only_when_near(#[case] word: &str, #[case] want: Option<&str>) {
        assert_eq!(nearest(word, ["principals", "namespaces", "ipBlocks"]), want);
    }
}
