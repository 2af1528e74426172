//! The page about the log has each message that birpc writes.

use std::fs;

use crate::docs::{inline_code, prose, source_files};

/// The level and the message of each event in a source file. A message that is made from parts is left out.
fn events(source: &str) -> Vec<(String, String)> {
    let mut events = Vec::new();
    for (at, _) in source.match_indices("tracing::") {
        let call = &source[at + "tracing::".len()..];
        let Some((level, arguments)) = call.split_once("!(") else { continue };
        if !["error", "warn", "info", "debug", "trace"].contains(&level) {
            continue;
        }
        let message = last_literal(arguments).unwrap_or_default();
        if !message.contains('{') {
            events.push((level.to_uppercase(), message));
        }
    }
    events
}

/// The last string among the arguments of a macro, of which those within other parentheses do not count.
fn last_literal(arguments: &str) -> Option<String> {
    let (mut depth, mut literal, mut last) = (1, None::<String>, None);
    let mut chars = arguments.chars();
    while let Some(next) = chars.next() {
        match (&mut literal, next) {
            (Some(_), '"') => last = literal.take().filter(|_| depth == 1).or(last),
            (Some(text), '\\') => match chars.next() {
                Some('\n') => {
                    while chars.clone().next().is_some_and(|next| next == ' ') {
                        chars.next();
                    }
                }
                escaped => text.extend(escaped),
            },
            (Some(text), next) => text.push(next),
            (None, '"') => literal = Some(String::new()),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, _) => {}
        }
        if depth == 0 {
            break;
        }
    }
    last
}

/// The level and the messages of each row.
fn rows(page: &str) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for row in page.lines() {
        let cells: Vec<_> = row.split(" | ").collect();
        if let [level, messages, ..] = cells[..] {
            let level = level.trim_start_matches("| ");
            rows.extend(inline_code(messages).map(|message| (level.to_owned(), message.to_owned())));
        }
    }
    rows
}

#[test]
fn the_page_has_each_message_with_its_level() {
    let rows = rows(&prose("docs/reference/logs-and-metrics.md"));
    let is_shown = |(level, message): &(String, String)| {
        let begins = |shown: &str| message.starts_with(shown.split(" …").next().unwrap_or(shown));
        rows.iter().any(|(of, shown)| of == level && begins(shown))
    };
    let sources = source_files().into_iter().map(|file| fs::read_to_string(file).expect("a source file"));
    let written: Vec<_> = sources.flat_map(|source| events(&source)).collect();
    assert!(written.len() > 60, "{}", written.len());
    let missing: Vec<_> = written.iter().filter(|event| !is_shown(event)).collect();
    assert!(missing.is_empty(), "the page does not have {missing:#?}");
    assert!(!is_shown(&("WARN".into(), "the handler panicked".into())), "it is an ERROR");
}

#[test]
fn the_message_of_an_event_is_its_last_text() {
    let source = r#"tracing::warn!(why = text("a)", 1), %error, "it \
                    \"fails\"; {more}"); tracing::debug!("fine");"#;
    assert_eq!(last_literal(&source[15..]).as_deref(), Some("it \"fails\"; {more}"));
    assert_eq!(events(source), [("DEBUG".to_owned(), "fine".to_owned())]);
}
