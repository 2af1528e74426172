//! Parses transcripts as `birpc replay` does, and refuses blocks that cannot fail.

use super::script::{self, Action, Block, Step};

/// Parses a whole file. An error begins with the number of its line.
pub(crate) fn parse(text: &str) -> Result<Vec<Block>, String> {
    let blocks = script::parse(text)?;
    blocks.iter().try_for_each(check).map(|()| blocks)
}

fn check(block: &Block) -> Result<(), String> {
    let expects = |step: &Step| !matches!(step.action, Action::Send { .. } | Action::SendClose(_));
    let error = if block.title.is_empty() {
        "a block begins with `# what it shows`".to_owned()
    } else if !["jsonrpc", "birpc.v1"].contains(&&*block.subprotocol) {
        format!("no such option: {}", block.subprotocol)
    } else if !block.steps.iter().any(expects) {
        "the block expects nothing; say `<-- nothing` if that is what it shows".to_owned()
    } else {
        return Ok(());
    };
    Err(format!("{}: {error}", block.line))
}

#[test]
fn a_block_that_cannot_fail_is_a_mistake() {
    let mistakes = [
        ("# a title\n", "1: the block expects nothing; say `<-- nothing` if that is what it shows"),
        ("\n# a title\n--> []\n", "2: the block expects nothing; say `<-- nothing` if that is what it shows"),
        ("--> []\n<-- nothing\n", "1: a block begins with `# what it shows`"),
        ("# a title\n= fast\n<-- nothing\n", "1: no such option: fast"),
    ];
    for (text, error) in mistakes {
        assert_eq!(parse(text).map(|blocks| blocks.len()), Err(error.into()), "{text:?}");
    }
}
