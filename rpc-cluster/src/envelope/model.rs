//! Checks that each envelope is read back as it was written, that what is cut, changed or invented is an
//! error and no panic, and the maximum size.

use std::time::Duration;

use birpc_core::__private::crates::cluster::Target;
use bytes::Bytes;
use proptest::prelude::*;

use super::presence_words::MAX_META;
use super::*;
use crate::presence::{Delta, Piece};

fn node() -> impl Strategy<Value = NodeId> {
    prop_oneof![any::<u128>(), Just(u128::MAX), Just(0)].prop_map(NodeId)
}

fn text() -> impl Strategy<Value = Bytes> {
    ".{0,40}".prop_map(Bytes::from)
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![".{1,20}", Just("x".repeat(256))]
}

fn topic() -> impl Strategy<Value = Topic> {
    prop_oneof![
        Just(Topic::All),
        name().prop_map(|name| Topic::Group(name.into())),
        name().prop_map(|name| Topic::User(name.into())),
        node().prop_map(Topic::Node),
    ]
}

fn target() -> impl Strategy<Value = Target> {
    topic().prop_map(|topic| target_of(&topic).unwrap_or(Target::All))
}

fn peers() -> impl Strategy<Value = Vec<RemotePeer>> {
    let peer = (node(), any::<u64>()).prop_map(|(node, peer)| RemotePeer { node, peer });
    proptest::collection::vec(peer, 0..4)
}

fn life() -> impl Strategy<Value = LifeWord> {
    let last = proptest::collection::vec((node(), any::<u64>()), 0..4);
    let heartbeat = (name(), any::<u32>(), any::<bool>(), any::<u64>(), last)
        .prop_map(|(name, load, is_leaving, presence, last)| Heartbeat {
            name,
            load,
            is_leaving,
            presence,
            last,
        })
        .boxed();
    prop_oneof![
        heartbeat.clone().prop_map(LifeWord::Hello),
        (heartbeat.clone(), proptest::collection::vec(node(), 0..4))
            .prop_map(|(heartbeat, nodes)| LifeWord::Welcome { heartbeat, nodes }),
        heartbeat.prop_map(LifeWord::Heartbeat),
        Just(LifeWord::Leaving),
        Just(LifeWord::Bye),
        any::<u64>().prop_map(|number| LifeWord::Barrier { number }),
        any::<u64>().prop_map(|number| LifeWord::Passed { number }),
    ]
}

fn send() -> impl Strategy<Value = SendWord> {
    prop_oneof![
        (peers(), text()).prop_map(|(except, text)| SendWord::Notification { except, text }),
        (peers(), any::<u16>(), name()).prop_map(|(except, code, reason)| SendWord::Close {
            except,
            code,
            reason
        }),
        (any::<u64>(), text()).prop_map(|(peer, text)| SendWord::Notify { peer, text }),
    ]
}

fn call() -> impl Strategy<Value = CallWord> {
    let request = (any::<u32>(), any::<bool>(), "[!-~]{0,128}", text())
        .prop_map(|(milliseconds, is_sensitive, traceparent, text)| Request {
            time_left: Duration::from_millis(milliseconds.into()),
            is_sensitive,
            traceparent,
            text,
        })
        .boxed();
    let id = any::<u64>;
    let ids = || proptest::collection::vec(any::<u64>(), 0..4);
    prop_oneof![
        (id(), id(), request.clone()).prop_map(|(call, peer, request)| CallWord::Call {
            call,
            peer,
            request
        }),
        id().prop_map(|call| CallWord::Accepted { call }),
        id().prop_map(|call| CallWord::Unknown { call }),
        (id(), text()).prop_map(|(call, outcome)| CallWord::Reply { call, outcome }),
        id().prop_map(|call| CallWord::Cancel { call }),
        id().prop_map(|last| CallWord::WhichRun { last }),
        (id(), id(), ids()).prop_map(|(after, last, calls)| CallWord::Running { after, last, calls }),
        (id(), target(), peers(), request).prop_map(|(call, target, except, request)| CallWord::Ask {
            call,
            target,
            except,
            request
        }),
        (id(), ids(), any::<bool>()).prop_map(|(call, peers, is_last)| CallWord::Members {
            call,
            peers,
            is_last
        }),
        (id(), id(), text()).prop_map(|(call, peer, outcome)| CallWord::Answer { call, peer, outcome }),
        (id(), target()).prop_map(|(call, target)| CallWord::Count { call, target }),
        (id(), id()).prop_map(|(call, count)| CallWord::Counted { call, count }),
    ]
}

fn presence() -> impl Strategy<Value = PresenceWord> {
    let key = (name(), name(), any::<u64>())
        .prop_map(|(group, key, peer)| EntryKey { group: group.into(), key: key.into(), peer })
        .boxed();
    let meta = || prop_oneof![Just(Bytes::from("{\"a\":1}")), Just(Bytes::from("1".repeat(MAX_META)))];
    prop_oneof![
        (any::<u64>(), key.clone(), proptest::option::of(meta()))
            .prop_map(|(version, key, meta)| PresenceWord::Delta(Delta { version, key, meta })),
        Just(PresenceWord::Request),
        (any::<u64>(), any::<u32>(), any::<bool>(), proptest::collection::vec((key, meta()), 0..3)).prop_map(
            |(version, index, is_last, entries)| {
                PresenceWord::Piece(Piece { version, index, is_last, entries })
            }
        ),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        life().prop_map(Message::Life),
        send().prop_map(Message::Send),
        call().prop_map(Message::Call),
        presence().prop_map(Message::Presence),
    ]
}

fn envelope() -> impl Strategy<Value = Envelope> {
    (node(), any::<u64>(), any::<u64>(), topic(), message()).prop_map(|(node, seq, prev, topic, message)| {
        Envelope { node, numbers: Numbers { seq, prev }, topic, is_understood: true, message }
    })
}

fn encode(envelope: &Envelope, key: Option<&Key>) -> Bytes {
    Envelope::encode(envelope.node, envelope.numbers, &envelope.topic, &envelope.message, key)
}

fn key() -> Key {
    Key::new(b"a secret that all servers have")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn an_envelope_is_read_back(envelope in envelope(), is_signed in any::<bool>()) {
        let key = is_signed.then(key);
        let bytes = encode(&envelope, key.as_ref());
        prop_assert_eq!(Envelope::decode(&bytes, key.as_ref()), Ok(envelope));
    }

    #[test]
    fn what_is_cut_is_an_error_or_shorter(envelope in envelope(), cut in any::<prop::sample::Index>()) {
        let bytes = encode(&envelope, None);
        let cut = bytes.slice(..cut.index(bytes.len()));
        if let Ok(read) = Envelope::decode(&cut, None) {
            prop_assert_ne!(&read, &envelope, "only a text at the end may be shorter");
        }
        let bytes = encode(&envelope, Some(&key()));
        let cut = bytes.slice(..bytes.len() - 1);
        prop_assert!(Envelope::decode(&cut, Some(&key())).is_err());
    }

    #[test]
    fn a_changed_byte_is_seen_with_a_key(
        envelope in envelope(),
        at in any::<prop::sample::Index>(),
        by in 1..=255_u8,
    ) {
        let mut bytes = encode(&envelope, Some(&key())).to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        let changed = Bytes::from(bytes);
        prop_assert!(Envelope::decode(&changed, Some(&key())).is_err());
        let _without_panic = Envelope::decode(&changed, None);
    }

    #[test]
    fn what_is_invented_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _any = Envelope::decode(&bytes.clone().into(), None);
        let mut valid = encode(&sample(Message::Life(LifeWord::Bye)), None).to_vec();
        valid.truncate(valid.len() - 1);
        valid.extend(bytes);
        let bytes = Bytes::from(valid);
        if let Ok(read) = Envelope::decode(&bytes, None) {
            let again = encode(&read, None);
            prop_assert_eq!(Envelope::decode(&again, None), Ok(read));
        }
    }
}

fn sample(message: Message) -> Envelope {
    let numbers = Numbers { seq: 2, prev: 1 };
    Envelope { node: NodeId(7), numbers, topic: Topic::All, is_understood: true, message }
}

#[test]
fn an_envelope_has_at_most_330_bytes() {
    let text = Bytes::from_static(b"{}");
    let message = Message::Send(SendWord::Notification { except: Vec::new(), text: text.clone() });
    let topic = Topic::Group("x".repeat(256).into());
    let bytes = encode(&Envelope { topic, ..sample(message) }, Some(&key()));
    assert!(bytes.len() - text.len() <= MAX_ENVELOPE, "{} bytes", bytes.len() - text.len());
    let request = Request {
        time_left: Duration::MAX,
        is_sensitive: true,
        traceparent: "x".repeat(128),
        text: text.clone(),
    };
    let message = Message::Call(CallWord::Call { call: u64::MAX, peer: u64::MAX, request });
    let bytes = encode(&Envelope { topic: Topic::Node(NodeId(1)), ..sample(message) }, Some(&key()));
    assert!(bytes.len() - text.len() <= MAX_ENVELOPE, "{} bytes", bytes.len() - text.len());
    let message = Message::Call(CallWord::Answer { call: u64::MAX, peer: u64::MAX, outcome: text.clone() });
    let bytes = encode(&Envelope { topic: Topic::Node(NodeId(1)), ..sample(message) }, Some(&key()));
    assert!(bytes.len() - text.len() <= MAX_ENVELOPE, "{} bytes", bytes.len() - text.len());
}

#[test]
fn what_is_not_signed_with_the_key_is_not_trusted() {
    let envelope = sample(Message::Life(LifeWord::Bye));
    let [plain, signed] = [encode(&envelope, None), encode(&envelope, Some(&key()))];
    assert_eq!(Envelope::decode(&plain, Some(&key())), Err(BadEnvelope::Unverified));
    assert_eq!(Envelope::decode(&signed, None), Err(BadEnvelope::Unverified));
    assert_eq!(Envelope::decode(&signed, Some(&Key::new(b"another"))), Err(BadEnvelope::Unverified));
    assert_eq!(Envelope::decode(&signed.slice(..20), Some(&key())), Err(BadEnvelope::Unverified));
    for secret in [&b""[..], &[7; 1000]] {
        let key = Key::new(secret);
        let signed = encode(&envelope, Some(&key));
        assert_eq!(Envelope::decode(&signed, Some(&key)), Ok(envelope.clone()));
    }
}

#[test]
fn only_heartbeats_of_another_version_are_read() {
    let other = |message| {
        let mut bytes = encode(&sample(message), None).to_vec();
        bytes[0] = 9;
        bytes.extend_from_slice(b"fields of a later version");
        Envelope::decode(&bytes.into(), None)
    };
    assert_eq!(other(Message::Life(LifeWord::Bye)), Err(BadEnvelope::Version));
    let heartbeat = Heartbeat { name: "a".into(), ..Heartbeat::default() };
    let read = other(Message::Life(LifeWord::Heartbeat(heartbeat.clone()))).expect("it is a heartbeat");
    assert_eq!((read.is_understood, read.message), (false, Message::Life(LifeWord::Heartbeat(heartbeat))));
}

#[test]
fn a_list_that_is_longer_than_the_message_reserves_no_memory() {
    let word = LifeWord::Welcome {
        heartbeat: Heartbeat { name: "a".into(), ..Heartbeat::default() },
        nodes: vec![],
    };
    let mut bytes = encode(&sample(Message::Life(word)), None).to_vec();
    let end = bytes.len();
    bytes[end - 4..].fill(0xff);
    assert_eq!(Envelope::decode(&bytes.into(), None), Err(BadEnvelope::Malformed));
}

#[test]
fn a_text_shares_the_memory_of_what_was_received() {
    let message =
        Message::Send(SendWord::Notify { peer: 1, text: Bytes::from_static(b"{\"jsonrpc\":\"2.0\"}") });
    let bytes = encode(&sample(message), None);
    let range = bytes.as_ptr_range();
    match Envelope::decode(&bytes, None).expect("it is valid").message {
        Message::Send(SendWord::Notify { text, .. }) => assert!(range.contains(&text.as_ptr())),
        other => panic!("{other:?}"),
    }
}
