//! A server with rooms: members learn who enters and leaves, and a room is deleted only after the caller has
//! confirmed it, for which the server calls its client back. The test below is a conversation in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use birpc::{
    Context, EncodedNotification, ErrorObject, Grant, Peer, PeerId, Refusal, RpcError, Server, ServerBuilder,
    rpc,
};

/// The methods of the server.
#[rpc(namespace = "rooms")]
trait Rooms {
    /// Enters a room, and leaves the previous one. Returns the names of the room's members.
    async fn enter(&self, cx: &Context, room: String) -> Result<Vec<String>, RoomError>;
    /// Deletes the caller's room after the caller has confirmed it. Returns how many members were in it.
    async fn delete(&self, cx: &Context) -> Result<usize, RoomError>;
}

/// The methods of a client, which the server calls.
#[rpc(namespace = "user")]
trait User {
    #[rpc(notification)]
    async fn event(&self, text: String);
    async fn confirm(&self, question: String) -> Result<bool, ErrorObject>;
}

#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
enum RoomError {
    #[error("enter a room first")]
    #[rpc(code = 1)]
    NotInRoom,
    #[error("the user did not confirm")]
    #[rpc(code = 2)]
    NotConfirmed,
}

/// The name of a connection's user, which `authorize` has found.
struct Name(String);

struct Member {
    room: String,
    name: String,
    peer: Peer,
}

#[derive(Clone, Default)]
struct House(Arc<Mutex<BTreeMap<PeerId, Member>>>);

impl House {
    fn with<R>(&self, run: impl FnOnce(&mut BTreeMap<PeerId, Member>) -> R) -> R {
        run(&mut self.0.lock().expect("no thread panics while it holds this lock"))
    }

    /// Sends an event to all members of a room, without waiting. A member whose queue is full misses it.
    fn tell(&self, room: &str, text: String) {
        let event = EncodedNotification::new("user.event", [text]).expect("a string serialises");
        self.with(|all| {
            let members = all.values().filter(|member| member.room == room);
            members.for_each(|member| drop(member.peer.try_notify(&event)));
        });
    }

    fn leave(&self, id: PeerId) {
        if let Some(member) = self.with(|all| all.remove(&id)) {
            self.tell(&member.room, format!("{} left", member.name));
        }
    }
}

impl Rooms for House {
    async fn enter(&self, cx: &Context, room: String) -> Result<Vec<String>, RoomError> {
        let (peer, name) = (cx.peer().detached(), cx.get::<Name>().expect("authorize adds it").0.clone());
        self.leave(peer.id());
        self.tell(&room, format!("{name} entered"));
        let member = Member { room: room.clone(), name, peer };
        Ok(self.with(|all| {
            all.insert(member.peer.id(), member);
            all.values().filter(|member| member.room == room).map(|member| member.name.clone()).collect()
        }))
    }

    async fn delete(&self, cx: &Context) -> Result<usize, RoomError> {
        let room = self.with(|all| Some(all.get(&cx.peer().id())?.room.clone()));
        let (room, caller) = (room.ok_or(RoomError::NotInRoom)?, cx.stub::<UserClient>());
        if !caller.confirm(format!("delete {room}?")).await.unwrap_or(false) {
            return Err(RoomError::NotConfirmed);
        }
        self.tell(&room, format!("{room} was deleted"));
        Ok(self.with(|all| {
            let before = all.len();
            all.retain(|_, member| member.room != room);
            before - all.len()
        }))
    }
}

fn server(house: House) -> ServerBuilder {
    Server::builder()
        .authorize(|request| async move {
            let name = request.bearer().ok_or_else(|| Refusal::unauthorized("the token is your name"))?;
            Ok(Grant::new().with(Name(name.to_owned())))
        })
        .on_disconnect(move |peer, _| {
            let house = house.clone();
            async move { house.leave(peer.id()) }
        })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let house = House::default();
    server(house.clone()).bind("127.0.0.1:9944").await?.serve(RoomsServer::new(house)).await?;
    Ok(())
}

#[cfg(test)]
#[tokio::test]
async fn members_see_each_other_and_a_room_is_deleted_after_a_confirmation() {
    struct Robot(tokio::sync::mpsc::UnboundedSender<String>, bool);
    impl User for Robot {
        async fn event(&self, text: String) {
            let _ = self.0.send(text); // the test may be over
        }
        async fn confirm(&self, _question: String) -> Result<bool, ErrorObject> {
            Ok(self.1)
        }
    }
    let house = House::default();
    let acceptor = server(house.clone()).mount(RoomsServer::new(house)).expect("valid settings");
    let join = async |name: &str, confirms| {
        let (sender, seen) = tokio::sync::mpsc::unbounded_channel();
        let client = birpc::Client::builder().header("authorization", &format!("Bearer {name}"));
        let client = client.serve(UserServer::new(Robot(sender, confirms)));
        (acceptor.connect_in_memory(client).await.expect("it is authorized"), seen)
    };
    let ((ada, mut seen), (bob, _)) = (join("ada", false).await, join("bob", true).await);
    let [by_ada, by_bob] = [ada.stub::<RoomsClient>(), bob.stub()];
    assert_eq!(by_ada.enter("tea".into()).await, Ok(vec!["ada".into()]));
    assert_eq!(by_bob.enter("tea".into()).await, Ok(vec!["ada".into(), "bob".into()]));
    assert_eq!(by_ada.delete().await.map_err(|e| e.into_method()), Err(Some(RoomError::NotConfirmed)));
    assert_eq!(by_bob.delete().await, Ok(2));
    assert_eq!(by_ada.enter("tea".into()).await, Ok(vec!["ada".into()]));
    by_bob.enter("tea".into()).await.expect("an open room");
    bob.close(1000, "bye").expect("a valid close");
    for expected in ["bob entered", "tea was deleted", "bob entered", "bob left"] {
        assert_eq!(seen.recv().await.as_deref(), Some(expected));
    }
}
