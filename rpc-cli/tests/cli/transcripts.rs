//! `birpc replay` plays birpc's own wire transcripts.

use birpc::Server;

use super::servers::Serving;
use super::support::{Folder, run};

/// The methods that the transcripts call.
#[path = "../../../tests/it/transcripts/service.rs"]
mod service;
#[path = "../../../tests/it/transcripts/values.rs"]
mod values;

/// Blocks with text that is not UTF-8, which this command does not send.
const NOT_SENT: [&str; 1] = ["--> (text hex) 22 ff 22"];

#[tokio::test]
async fn the_repositorys_transcripts_are_as_expected() {
    let folder = Folder::new();
    let transcripts = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/transcripts");
    let mut played = 0;
    for entry in std::fs::read_dir(transcripts).expect("the transcripts are there") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("it can be read");
        let blocks: Vec<_> =
            text.split("\n\n").filter(|block| !NOT_SENT.iter().any(|it| block.contains(it))).collect();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let file = folder.write(&name, blocks.join("\n\n"));
        let server = Serving::of_each(Server::builder(), service::router).await;
        let ended = run(&["replay", &file, &server.url, "--quiet", "20ms"]).await;
        assert_eq!((ended.code, &*ended.stdout), (Some(0), ""), "{name}: {}", ended.stderr);
        played += 1;
    }
    assert!(played >= 18, "{played}");
}
