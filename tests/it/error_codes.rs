//! The codes that birpc uses: members of `ErrorCode`, which the pages list and the derive refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use birpc::ErrorCode;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// All members, with their kinds.
fn members() -> BTreeMap<i64, &'static str> {
    let reserved = (-32768..=-32000).chain([-32800]);
    reserved.filter_map(|number| Some((number, ErrorCode::from_number(number)?.kind()))).collect()
}

/// The codes in the first cells of a table's rows, with what stands in the second cell.
fn table(page: &str, heading: &str) -> BTreeMap<i64, String> {
    let (text, heading) = (read(page), format!("\n## {heading}\n"));
    let section = text.split_once(&heading).expect("the page has this heading").1;
    let rows = section.split("\n## ").next().unwrap_or_default().lines();
    let cells = rows.filter_map(|row| {
        let mut cells = row.strip_prefix("| ")?.split(" | ");
        Some((cells.next()?.trim().parse().ok()?, cells.next()?.trim_matches('`').to_owned()))
    });
    cells.collect()
}

/// The numbers in a text that look like codes of the framework.
fn mentioned(text: &str) -> BTreeSet<i64> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '-');
    let numbers = words.filter(|word| word.starts_with("-32") && word.len() == 6);
    numbers.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn each_code_has_a_row_in_both_tables_and_each_row_is_a_code() {
    let members: BTreeMap<_, _> = members().into_iter().map(|(code, kind)| (code, kind.to_owned())).collect();
    assert!(members.len() > 8, "{members:?}");
    assert_eq!(table("docs/protocol.md", "Error codes"), members);
    assert_eq!(table("docs/reference/codes.md", "Error codes"), members);
}

#[test]
fn the_protocol_names_no_code_that_is_no_member() {
    // The ends of ranges, and codes that are reserved for later.
    let others = BTreeSet::from([-32768, -32000, -32002, -32003]);
    let named = mentioned(&read("docs/protocol.md"));
    let unknown: Vec<_> =
        named.difference(&others).filter(|code| ErrorCode::from_number(**code).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_derive_refuses_each_code() {
    let refused = mentioned(&read("rpc-macros/src/error/validate.rs"));
    let missing: Vec<_> = members().into_keys().filter(|code| !refused.contains(code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
