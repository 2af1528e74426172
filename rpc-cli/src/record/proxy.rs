//! Passes the messages of a connection on, and writes them down.

use std::time::Duration;

use birpc::CloseFrame;
use birpc::transport::Frame;
use tokio::time::timeout;

use super::block::Block;
use crate::failure::Failure;
use crate::serving::Stopped;
use crate::transcript::{Direction, Message};
use crate::wire::{Ended, Event, Wire};

/// How long the other side may take to answer a close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Passes messages on until one side ends, and then closes the other.
pub(super) async fn pass_on(
    mut client: Wire,
    mut server: Wire,
    mut block: Block,
    mut stopped: Stopped,
) -> Result<(), Failure> {
    loop {
        if *stopped.borrow() {
            block.comment("the recording ends here")?;
            tokio::join!(client.close(closing(1001, "the proxy ends")), server.close(closing(1000, "")));
            return Ok(());
        }
        // A side is read only while the other takes what was read, so that one message at most is held.
        let (to_client, to_server) = (client.has_sent_all(), server.has_sent_all());
        let (direction, event) = tokio::select! {
            event = client.next(to_server) => (Direction::Sent, event),
            event = server.next(to_client) => (Direction::Received, event),
            // The sender outlives the connection.
            _ = stopped.changed() => continue,
        };
        let (message, frame) = match event {
            Event::Text(text) => (Message::Text(text.to_vec()), Frame::Text(text)),
            Event::Binary(bytes) => (Message::Binary(bytes.to_vec()), Frame::Binary(bytes)),
            Event::Nothing => continue,
            Event::Ended(ended) => return end(direction, ended, client, server, block).await,
        };
        block.message(direction, &message)?;
        let other = match direction {
            Direction::Sent => &mut server,
            Direction::Received => &mut client,
        };
        // If the other side has ended, its next event says so.
        let _ = other.send(frame);
    }
}

/// The end of one side, which the other gets to know.
async fn end(
    direction: Direction,
    ended: Ended,
    client: Wire,
    server: Wire,
    mut block: Block,
) -> Result<(), Failure> {
    let (here, there) = match direction {
        Direction::Sent => (client, server),
        Direction::Received => (server, client),
    };
    let (answer, passed_on) = match ended {
        Ended::Closed { code, reason } => {
            block.close(direction, code, &reason)?;
            (None, closing(code, &reason).or_else(|| closing(1000, "")))
        }
        Ended::Lost { why, answer } => {
            let who = if direction == Direction::Sent { "client" } else { "server" };
            block.comment(&format!("the connection of the {who} is lost: {why}"))?;
            (answer, closing(1001, "the other side is gone"))
        }
    };
    if direction == Direction::Sent {
        // The server's answer to the close is a part of the transcript, with what it says before.
        let heard = timeout(CLOSE_TIMEOUT, last_words(there, passed_on, &mut block));
        let (heard, ()) = tokio::join!(heard, here.close(answer));
        return heard.unwrap_or(Ok(()));
    }
    tokio::join!(here.close(answer), there.close(passed_on));
    Ok(())
}

/// Closes the connection to the server, and writes down what comes until its end.
async fn last_words(mut server: Wire, close: Option<CloseFrame>, block: &mut Block) -> Result<(), Failure> {
    if server.send(Frame::Close(close)).is_err() {
        return Ok(());
    }
    loop {
        match server.next(true).await {
            Event::Text(text) => block.message(Direction::Received, &Message::Text(text.to_vec()))?,
            Event::Binary(bytes) => block.message(Direction::Received, &Message::Binary(bytes.to_vec()))?,
            Event::Nothing => {}
            Event::Ended(Ended::Closed { code, reason }) => {
                block.close(Direction::Received, code, &reason)?;
                server.close(None).await;
                return Ok(());
            }
            Event::Ended(Ended::Lost { .. }) => return Ok(()),
        }
    }
}

/// A close frame, if its code and reason may be sent.
pub(super) fn closing(code: u16, reason: &str) -> Option<CloseFrame> {
    CloseFrame::new(code, reason).ok()
}
