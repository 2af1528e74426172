//! The random token in the page's address.

use std::fmt;

/// The number of random bytes of a token.
const BYTES: usize = 24;

/// A random text that a stranger cannot guess. `Debug` omits it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not depend on where the texts differ.
    pub(crate) fn is(&self, other: &str) -> bool {
        let (token, other) = (self.0.as_bytes(), other.as_bytes());
        let differ = token.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b));
        token.len() == other.len() && std::hint::black_box(differ) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_random_and_only_the_whole_of_it_counts() {
        let (token, other) = (Token::random().expect("random"), Token::random().expect("random"));
        let text = token.text();
        assert_eq!(text.len(), 2 * BYTES);
        assert!(token != other && token.is(text) && !token.is(other.text()));
        assert!(!token.is("") && !token.is(&text[1..]) && !token.is(&format!("{text}0")));
        assert!(!format!("{token:?}").contains(text));
    }
}
