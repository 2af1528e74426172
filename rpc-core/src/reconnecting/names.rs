//! The subprotocols that a client's connections have agreed on. Handles borrow them.

use std::sync::OnceLock;

/// A server that makes up a new name for each connection must not fill the memory.
const MOST: usize = 32;

/// A list that only grows, so names in it can be borrowed.
#[derive(Default)]
pub(super) struct Names(OnceLock<Box<(String, Names)>>);

impl Names {
    /// Adds a name, unless the list has [`MOST`] names.
    pub(super) fn add(&self, name: &str) {
        let mut list = self;
        for _ in 0..MOST {
            let (first, rest) = &**list.0.get_or_init(|| Box::new((name.to_owned(), Self::default())));
            if first == name {
                return;
            }
            list = rest;
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut list = self;
        loop {
            let (first, rest) = &**list.0.get()?;
            if first == name {
                return Some(first);
            }
            list = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_kept_once_and_not_too_many() {
        let names = Names::default();
        for number in 0..1000 {
            names.add(&(number % 100).to_string());
        }
        let kept = (0..100).filter(|number| names.get(&number.to_string()).is_some()).count();
        assert_eq!(
            (kept, names.get("0"), names.get("31"), names.get("32")),
            (MOST, Some("0"), Some("31"), None)
        );
    }
}
