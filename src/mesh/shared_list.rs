//! A long list and the few items that are otherwise → a list that shares the others with the one that it was.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A list whose copies share their items: a copy with one item otherwise costs that item, however long the list is.
#[derive(Clone, Debug)]
pub struct SharedList<T> {
    items: Arc<[T]>,
    /// What stands in the place of an item, or behind all.
    otherwise: BTreeMap<usize, T>,
    len: usize,
}

impl<T> SharedList<T> {
    /// How many items there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The item at a place; absent behind the last.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&T> {
        if self.otherwise.is_empty() {
            return self.items.get(place);
        }
        self.otherwise.get(&place).or_else(|| self.items.get(place))
    }

    /// The items, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len).filter_map(|place| self.get(place))
    }

    /// Has an item stand at a place, which others that share the list do not see. Behind the last it becomes the last.
    pub(super) fn put(&mut self, place: usize, item: T) {
        let place = place.min(self.len);
        self.len = self.len.max(place + 1);
        drop(self.otherwise.insert(place, item));
    }
}

/// The same items in the same order, however they are shared.
impl<T: PartialEq> PartialEq for SharedList<T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T> FromIterator<T> for SharedList<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let items: Arc<[T]> = items.into_iter().collect();
        Self { len: items.len(), items, otherwise: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_seen_in_the_copy_alone() {
        let list: SharedList<char> = "abc".chars().collect();
        let mut other = list.clone();
        other.put(1, 'x');
        // Behind the last is behind the last, however far.
        other.put(9, 'd');
        let texts = [&list, &other].map(|list| list.iter().collect::<String>());
        assert_eq!(texts, ["abc", "axcd"]);
        assert_eq!([list.len(), other.len()], [3, 4]);
        assert_eq!([list.get(3), other.get(3), other.get(4)], [None, Some(&'d'), None]);
        let mut third = other.clone();
        third.put(3, 'e');
        third.put(1, 'b');
        assert_eq!(third.iter().collect::<String>(), "abce");
        assert_eq!(other.iter().collect::<String>(), "axcd");
        let anew: SharedList<char> = "axcd".chars().collect();
        assert_eq!([other == anew, third == anew, list == anew], [true, false, false]);
    }

    #[test]
    fn nothing_is_empty() {
        let mut list: SharedList<u8> = std::iter::empty().collect();
        assert!(list.is_empty());
        list.put(0, 1);
        assert!(!list.is_empty());
    }
}
