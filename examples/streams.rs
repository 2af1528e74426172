//! Streams from a server, to a server, and both ways at once, with a progress bar.
//!
//! `cargo run --example streams`

use std::error::Error;
use std::io::{Write, stdout};
use std::time::Duration;

use birpc::{Client, ErrorObject, Server, StreamError, Streaming, rpc};
use futures_util::StreamExt;

#[rpc(namespace = "studio")]
trait Studio {
    /// The lines of a log, as they come.
    async fn log(&self) -> Result<Streaming<String>, ErrorObject>;
    /// Stores a recording, and returns its size in bytes.
    async fn store(&self, name: String, chunks: Streaming<Vec<u8>>) -> Result<usize, ErrorObject>;
    /// Reads Morse code while it is sent: a letter for each group of signs.
    async fn transcribe(&self, groups: Streaming<String>) -> Result<Streaming<char>, ErrorObject>;
}

struct Demo;

impl Studio for Demo {
    async fn log(&self) -> Result<Streaming<String>, ErrorObject> {
        Ok(Streaming::produce(|out| async move {
            for line in ["the studio opens", "a guest arrives", "the red light is on"] {
                tokio::time::sleep(Duration::from_millis(150)).await;
                out.send(line.to_owned()).await?; // waits while nobody reads
            }
            Ok(()) // the stream is complete
        }))
    }

    async fn store(&self, _name: String, mut chunks: Streaming<Vec<u8>>) -> Result<usize, ErrorObject> {
        let mut size = 0;
        while let Some(chunk) = chunks.next().await {
            size += chunk.map_err(broken)?.len();
            tokio::time::sleep(Duration::from_millis(5)).await; // a slow disk slows the sender down
        }
        Ok(size)
    }

    async fn transcribe(&self, groups: Streaming<String>) -> Result<Streaming<char>, ErrorObject> {
        Ok(Streaming::try_from_stream(groups.map(|group| group.map_err(broken).map(|group| letter(&group)))))
    }
}

/// What the methods answer if an argument ends before it is complete.
fn broken(error: StreamError) -> ErrorObject {
    ErrorObject::new(1, format!("the upload broke off: {error}"))
}

fn letter(signs: &str) -> char {
    let known = [("-...", 'b'), ("..", 'i'), (".-.", 'r'), (".--.", 'p'), ("-.-.", 'c')];
    known.iter().find(|(of, _)| *of == signs).map_or('?', |(_, letter)| *letter)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/", server.local_addr()?);
    tokio::spawn(server.serve(StudioServer::new(Demo)));
    let client = Client::connect(&url).await?;
    let studio: StudioClient = client.stub();

    let mut log = studio.log().await?;
    while let Some(line) = log.next().await {
        println!("log: {}", line?); // an error is a stream that did not complete
    }

    const CHUNKS: usize = 200;
    let recording = (1..=CHUNKS).map(|sent| {
        bar(sent, CHUNKS);
        vec![0; 1000]
    });
    let stored = studio.store("guest.wav".into(), Streaming::from_iter(recording)).await?;
    println!("\nstored: {stored} bytes");

    let groups = Streaming::produce(|out| async move {
        for group in "-... .. .-. .--. -.-.".split(' ') {
            out.send(group.to_owned()).await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    });
    let mut letters = studio.transcribe(groups).await?;
    print!("transcribed: ");
    while let Some(letter) = letters.next().await {
        print!("{}", letter?);
        stdout().flush()?; // letter by letter, while the rest is still being sent
    }
    println!();

    client.close(1000, "done")?;
    client.closed().await;
    Ok(())
}

/// Draws how much was sent. The chunks are taken from the iterator as the server makes room for them.
fn bar(done: usize, of: usize) {
    let filled = done * 40 / of;
    print!("\rupload: [{}{}] {done}/{of}", "#".repeat(filled), ".".repeat(40 - filled));
    let _ = stdout().flush();
}
