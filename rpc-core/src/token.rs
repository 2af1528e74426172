//! Names that both sides of an opening handshake check in the same way.

/// Whether a text is a token of HTTP (RFC 9110 §5.6.2).
#[doc(hidden)]
#[must_use]
pub fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

/// Checks a list of subprotocols to offer or to agree on: RFC 6455 §4.1 wants each to be a token.
///
/// # Errors
/// The text names the one that is wrong, and says what to do.
#[doc(hidden)]
pub fn check_subprotocols(names: &[String]) -> Result<(), String> {
    match names.iter().find(|name| !is_token(name)) {
        None => Ok(()),
        Some(list) if list.contains(',') && list.split(',').all(|name| is_token(name.trim())) => {
            Err(format!("{list:?} is no subprotocol; give each name as an item of its own"))
        }
        Some(name) => Err(format!(
            "{name:?} is no subprotocol: a name consists of ASCII letters, digits and !#$%&'*+-.^_`|~"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_from_what_is_none() {
        assert!(["birpc.v1", "graphql-transport-ws", "x!#$%&'*+-.^_`|~9"].into_iter().all(is_token));
        assert!(!["", "a b", "a,b", "a\n", "a/b", "é", "a\"", "(a)", "a:b"].into_iter().any(is_token));
    }

    #[test]
    fn a_bad_name_is_told() {
        let check =
            |names: &[&str]| check_subprotocols(&names.iter().map(|name| (*name).into()).collect::<Vec<_>>());
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&["jsonrpc", "birpc.v1"]), Ok(()));
        let told = |names: &[&str]| check(names).expect_err("a bad name");
        assert!(told(&["jsonrpc", "a,b"]).starts_with("\"a,b\" is no subprotocol; give each"));
        assert!(told(&["bad\nname"]).starts_with("\"bad\\nname\" is no subprotocol: a name"));
        assert!(told(&[""]).starts_with("\"\" is no"));
    }
}
