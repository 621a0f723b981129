//! A page with sessions of the command → the same page with what the command says now.

/// A page with what the tool says now. A block that begins with `$ portcullis` is a session: commands and what they
/// print, which `said` tells of the words behind `portcullis`. `block` is shown every other block, with the line before it.
pub(crate) fn retold(
    text: &str,
    mut said: impl FnMut(&[&str]) -> String,
    mut block: impl FnMut(&str, &str),
) -> String {
    let mut parts: Vec<String> = text.split("```").map(str::to_owned).collect();
    for index in (1..parts.len()).step_by(2) {
        let Some((language, content)) = parts[index].split_once('\n') else { continue };
        let Some(sessions) = content.strip_prefix("$ portcullis ") else {
            block(
                parts[index - 1]
                    .trim_end()
                    .lines()
                    .last()
                    .unwrap_or_default(),
                content,
            );
            continue;
        };
        // What was printed is told anew.
        let mut told = format!("{language}\n");
        for session in sessions.split("\n$ portcullis ") {
            let command = session.lines().next().unwrap();
            let words = words(command);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            told += &format!("$ portcullis {command}\n");
            told.extend(
                said(&words)
                    .trim_end()
                    .lines()
                    .map(|line| format!("{line}\n")),
            );
        }
        parts[index] = told;
    }
    parts.join("```")
}

/// Words as a shell splits them: at spaces, quotes kept together.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for c in command.chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.push(std::mem::take(&mut word)),
            (c, _) => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Compares a page of the project with what was retold, or writes it anew where `PORTCULLIS_BLESS` is set.
#[track_caller]
pub(crate) fn same_or_blessed(path: &str, text: &str, retold: &str) {
    #[expect(clippy::disallowed_methods, reason = "the one way to ask for new blocks")]
    if std::env::var("PORTCULLIS_BLESS").is_ok() {
        let place = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        std::fs::write(place, retold).unwrap();
    } else {
        assert_eq!(text, retold, "{path}: PORTCULLIS_BLESS=1 writes what the tool says now");
    }
}
