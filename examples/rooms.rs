//! A server with rooms, each of which is a group: members see who is present, get what others say, and all of
//! them must confirm that the room is deleted, for which the server calls each of them back. The test below
//! is a conversation in memory.

use std::time::Duration;

use birpc::{
    Context, ErrorObject, Grant, PresenceEvent, Refusal, RpcError, Server, ServerBuilder, Streaming, rpc,
};

/// The methods of the server.
#[rpc(namespace = "rooms")]
trait Rooms {
    /// Enters a room. The stream tells who is present, and who comes and leaves.
    async fn enter(&self, cx: &Context, room: String) -> Result<Streaming<PresenceEvent>, ErrorObject>;
    /// Leaves a room. Returns whether the caller was in it.
    async fn leave(&self, cx: &Context, room: String) -> Result<bool, ErrorObject>;
    /// Says something to the other members. Returns how many they are.
    async fn say(&self, cx: &Context, room: String, line: String) -> Result<usize, RoomError>;
    /// Deletes a room if all of its members confirm that. Returns how many they were.
    async fn delete(&self, cx: &Context, room: String) -> Result<usize, RoomError>;
}

/// The methods of a client, which the server calls.
#[rpc(namespace = "user")]
trait User {
    #[rpc(notification)]
    async fn said(&self, name: String, line: String);
    async fn confirm(&self, question: String) -> Result<bool, ErrorObject>;
}

#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
enum RoomError {
    #[error("enter the room first")]
    #[rpc(code = 1)]
    NotInRoom,
    #[error("a member did not confirm")]
    #[rpc(code = 2)]
    NotConfirmed,
    #[error("the line is too long")]
    #[rpc(code = 3)]
    TooLong,
}

/// The name of a connection's user, which `authorize` has found.
struct Name(String);

struct House;

impl House {
    fn name(cx: &Context) -> String {
        cx.get::<Name>().expect("authorize adds it").0.clone()
    }
}

impl Rooms for House {
    async fn enter(&self, cx: &Context, room: String) -> Result<Streaming<PresenceEvent>, ErrorObject> {
        let (groups, peer) = (cx.groups(), cx.peer());
        groups.join(&peer, &room).await?;
        groups.track(&peer, &room, &Self::name(cx), ()).await?;
        Ok(Streaming::from_stream(groups.presence(&room)))
    }

    async fn leave(&self, cx: &Context, room: String) -> Result<bool, ErrorObject> {
        Ok(cx.groups().leave(&cx.peer(), &room).await)
    }

    async fn say(&self, cx: &Context, room: String, line: String) -> Result<usize, RoomError> {
        if !cx.groups().is_member(&cx.peer(), &room) {
            return Err(RoomError::NotInRoom);
        }
        let others = cx.groups().to(&room).except(cx.peer().global_id());
        let sent = others.send(|user: &UserClient| user.said(Self::name(cx), line)).await;
        Ok(sent.map_err(|_| RoomError::TooLong)?.local)
    }

    async fn delete(&self, cx: &Context, room: String) -> Result<usize, RoomError> {
        let groups = cx.groups();
        if !groups.is_member(&cx.peer(), &room) {
            return Err(RoomError::NotInRoom);
        }
        let members = groups.to(&room).timeout(Duration::from_secs(60));
        let mut votes = members.ask(|user: &UserClient| user.confirm(format!("delete {room}?")));
        while let Some((_member, vote)) = votes.next().await {
            if !vote.unwrap_or(false) {
                return Err(RoomError::NotConfirmed); // the questions that are open are withdrawn
            }
        }
        Ok(groups.end_group(&room, &ErrorObject::new(4, "the room was deleted")).await)
    }
}

fn server() -> ServerBuilder {
    Server::builder().authorize(|request| async move {
        let name = request.bearer().ok_or_else(|| Refusal::unauthorized("the token is your name"))?;
        Ok(Grant::new().user(name).with(Name(name.to_owned())))
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    server().bind("127.0.0.1:9944").await?.serve(RoomsServer::new(House)).await?;
    Ok(())
}

#[cfg(test)]
#[tokio::test]
async fn members_see_each_other_and_a_room_is_deleted_when_all_confirm() {
    struct Robot(tokio::sync::mpsc::UnboundedSender<String>, bool);
    impl User for Robot {
        async fn said(&self, name: String, line: String) {
            let _ = self.0.send(format!("{name}: {line}")); // the test may be over
        }
        async fn confirm(&self, _question: String) -> Result<bool, ErrorObject> {
            Ok(self.1)
        }
    }
    let acceptor = server().mount(RoomsServer::new(House)).expect("valid settings");
    let join = async |name: &str, confirms| {
        let (sender, heard) = tokio::sync::mpsc::unbounded_channel();
        let client = birpc::Client::builder().header("authorization", &format!("Bearer {name}"));
        let client = client.serve(UserServer::new(Robot(sender, confirms)));
        (acceptor.connect_in_memory(client).await.expect("it is authorized"), heard)
    };
    let ((ada, _), (ben, mut heard), (eve, _)) =
        (join("ada", true).await, join("ben", true).await, join("eve", false).await);
    let [by_ada, by_ben, by_eve] = [ada.stub::<RoomsClient>(), ben.stub(), eve.stub()];
    let room = || String::from("tea");
    let mut seen = by_ada.enter(room()).await.expect("there is room");
    assert!(matches!(seen.next().await, Some(Ok(PresenceEvent::State(present))) if present.len() == 1));
    let _seen = by_ben.enter(room()).await.expect("there is room");
    assert!(matches!(seen.next().await, Some(Ok(PresenceEvent::Joined { key, .. })) if key == "ben"));

    assert_eq!(by_ada.say(room(), "hello".into()).await, Ok(1));
    assert_eq!(heard.recv().await.as_deref(), Some("ada: hello"));
    let refused = by_eve.say(room(), "hello".into()).await.map_err(|error| error.into_method());
    assert_eq!(refused, Err(Some(RoomError::NotInRoom)));

    let _seen_too = by_eve.enter(room()).await.expect("there is room");
    let refused = by_ada.delete(room()).await.map_err(|error| error.into_method());
    assert_eq!(refused, Err(Some(RoomError::NotConfirmed)));
    eve.close(1000, "bye").expect("a valid close");
    for expected in ["joined", "left"] {
        let event = seen.next().await.expect("it never ends").expect("it is connected");
        match event {
            PresenceEvent::Joined { key, .. } => assert_eq!((key.as_str(), expected), ("eve", "joined")),
            PresenceEvent::Left { key, .. } => assert_eq!((key.as_str(), expected), ("eve", "left")),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(by_ada.delete(room()).await, Ok(2));
    assert_eq!(by_ada.leave(room()).await, Ok(false));
}
