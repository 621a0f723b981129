//! A page with sessions of the command → the same page with what the command says now.

use super::words;

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
