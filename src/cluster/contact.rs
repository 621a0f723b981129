//! Troubles that come and go → whether a cluster is heard, since when it is not, and what there is to tell of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// So many pieces of news wait for whoever asks; further ones are left out.
const MOST: usize = 256;

/// What is heard of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What has not been heard yet, as kubectl names it; empty: everything has been once.
    pub waits_for: Vec<String>,
    /// Whether the API server answers, and everything is watched.
    pub connected: bool,
    /// When it last was so; absent: never yet.
    pub current_at: Option<Instant>,
    /// What has happened since this was last asked: the event, and what there is to say about it.
    pub news: Vec<(&'static str, String)>,
}

/// Who has trouble, and since when somebody has.
#[derive(Debug, Default)]
pub struct Contact {
    /// By who has it: a kind, a group, or the API server.
    troubles: BTreeMap<String, String>,
    /// Why, since all was well; empty: it is.
    reasons: BTreeSet<String>,
    current_at: Option<Instant>,
    news: Vec<(&'static str, String)>,
}

impl Contact {
    /// Somebody has trouble. A reason is told once, until all is well again: many have the same trouble at a time.
    pub fn trouble(&mut self, who: &str, why: &str) {
        drop(self.troubles.insert(who.to_owned(), why.to_owned()));
        if self.reasons.len() < MOST && self.reasons.insert(why.to_owned()) {
            self.tell("cluster lost", format!("{who}: {why}"));
        }
    }

    /// Somebody has none any more.
    pub fn calm(&mut self, who: &str) {
        drop(self.troubles.remove(who));
    }

    /// The API server has answered.
    pub fn answered(&mut self, now: Instant) {
        if !self.troubles.is_empty() {
            return;
        }
        if !std::mem::take(&mut self.reasons).is_empty() {
            let away = self
                .current_at
                .map(|then| now.saturating_duration_since(then));
            let away = away.map_or_else(String::new, |time| {
                format!(" after {} s", time.max(Duration::from_secs(1)).as_secs())
            });
            self.tell("cluster found", format!("everything is watched again{away}"));
        }
        self.current_at = Some(now);
    }

    /// Something has happened.
    pub fn tell(&mut self, event: &'static str, message: String) {
        if self.news.len() < MOST {
            self.news.push((event, message));
        }
    }

    /// What is heard now. The news are told once.
    pub fn heard(&mut self, waits_for: Vec<String>) -> Heard {
        Heard {
            waits_for,
            // Until it has answered since, that nobody has trouble any more says little.
            connected: self.reasons.is_empty() && self.current_at.is_some(),
            current_at: self.current_at,
            news: std::mem::take(&mut self.news),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "some moment to count from")]
    fn moments() -> [Instant; 3] {
        let now = Instant::now();
        [0, 5, 47].map(|seconds| now + Duration::from_secs(seconds))
    }

    fn told(contact: &mut Contact) -> Vec<String> {
        let news = contact.heard(Vec::new()).news;
        let lines = news
            .iter()
            .map(|(event, message)| format!("{event}: {message}"));
        lines.collect()
    }

    #[test]
    fn a_trouble_is_told_once_however_many_have_it() {
        let [first, _, last] = moments();
        let mut contact = Contact::default();
        assert!(!contact.heard(Vec::new()).connected, "nobody has answered yet");
        contact.answered(first);
        let heard = contact.heard(Vec::new());
        assert_eq!((heard.connected, heard.current_at, heard.news), (true, Some(first), vec![]));
        contact.trouble("pods", "refused");
        contact.trouble("services", "refused");
        contact.trouble("jobs.batch", "forbidden");
        assert_eq!(
            told(&mut contact),
            ["cluster lost: pods: refused", "cluster lost: jobs.batch: forbidden"]
        );
        for who in ["pods", "services"] {
            contact.calm(who);
            contact.answered(last);
            let heard = contact.heard(Vec::new());
            assert_eq!((heard.connected, heard.current_at), (false, Some(first)), "{who}");
        }
        contact.trouble("pods", "refused");
        assert_eq!(told(&mut contact), Vec::<String>::new(), "that is known");
        contact.calm("pods");
        contact.calm("jobs.batch");
        contact.answered(last);
        assert_eq!(told(&mut contact), ["cluster found: everything is watched again after 47 s"]);
        contact.trouble("pods", "refused");
        assert_eq!(told(&mut contact), ["cluster lost: pods: refused"]);
    }

    #[test]
    fn news_that_nobody_asks_for_are_bounded() {
        let mut contact = Contact::default();
        for number in 0..2 * MOST {
            contact.trouble(&number.to_string(), &number.to_string());
        }
        assert_eq!(told(&mut contact).len(), MOST);
    }
}
