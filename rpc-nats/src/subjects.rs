//! The names of topics at NATS.

use std::fmt::Write as _;

use birpc_cluster::Topic;
use ring::digest::{SHA256, digest};

/// The subjects of one server of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Subjects {
    prefix: String,
    /// Random, so that only this server gets what is for it.
    own: u128,
}

impl Subjects {
    /// Maximum length of a prefix, in bytes.
    pub(crate) const MAX_PREFIX: usize = 32;

    /// Whether this is a prefix: NATS separates the parts of a subject with dots, and gives meanings to other
    /// characters.
    pub(crate) fn is_prefix(prefix: &str) -> bool {
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        !prefix.is_empty() && prefix.len() <= Self::MAX_PREFIX && prefix.bytes().all(is_valid)
    }

    pub(crate) fn new(prefix: String, own: u128) -> Self {
        Self { prefix, own }
    }

    /// The subject of a topic; `None` for a kind of topic that this crate does not know.
    pub(crate) fn of(&self, topic: &Topic) -> Option<String> {
        let prefix = &self.prefix;
        Some(match topic {
            Topic::All => format!("{prefix}.a"),
            Topic::Group(name) => format!("{prefix}.g.{}", hash(name)),
            Topic::User(name) => format!("{prefix}.u.{}", hash(name)),
            Topic::Node(node) => format!("{prefix}.n.{node}"),
            _ => return None,
        })
    }

    /// The subject to which NATS says that nobody has subscribed to the topic of the message with this tag.
    pub(crate) fn reply(&self, tag: u64) -> String {
        format!("{}.r.{:032x}.{tag}", self.prefix, self.own)
    }

    /// All subjects of [`Subjects::reply`] and [`Subjects::probe`].
    pub(crate) fn replies(&self) -> String {
        format!("{}.r.{:032x}.*", self.prefix, self.own)
    }

    /// The subject of a message from this server to itself, with its number.
    pub(crate) fn probe(&self, number: u64) -> String {
        format!("{}.r.{:032x}.p{number}", self.prefix, self.own)
    }

    /// Whether it is [`Subjects::replies`] or one of these.
    pub(crate) fn is_reply(&self, subject: &str) -> bool {
        let replies = self.replies();
        replies.strip_suffix('*').is_some_and(|beginning| subject.starts_with(beginning))
    }

    /// Reads a subject of [`Subjects::reply`] or [`Subjects::probe`].
    pub(crate) fn read_reply(subject: &str) -> Option<Reply> {
        let (_, last) = subject.rsplit_once('.')?;
        Some(match last.strip_prefix('p') {
            Some(number) => Reply::Probe(number.parse().ok()?),
            None => Reply::Tag(last.parse().ok()?),
        })
    }
}

/// The last part of a subject that only this server has subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Tag(u64),
    Probe(u64),
}

/// The first 128 bits of the SHA-256 of a name, in hexadecimal digits. Two servers must agree on it, so it is
/// the same in all versions. A name may contain any character, and a subject may not.
fn hash(name: &str) -> String {
    let digest = digest(&SHA256, name.as_bytes());
    digest.as_ref().iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use birpc_cluster::NodeId;

    use super::*;

    #[test]
    fn topics_have_the_subjects_that_all_versions_agree_on() {
        let subjects = Subjects::new("chat".into(), 0xab);
        for (topic, expected) in [
            (Topic::All, "chat.a"),
            (Topic::Group("room:1".into()), "chat.g.4217a7ce1ff75fe36c8d1f8053c94c65"),
            (Topic::User("room:1".into()), "chat.u.4217a7ce1ff75fe36c8d1f8053c94c65"),
            (Topic::Group("".into()), "chat.g.e3b0c44298fc1c149afbf4c8996fb924"),
            (Topic::Node(NodeId(0x12)), "chat.n.00000000000000000000000000000012"),
        ] {
            assert_eq!(subjects.of(&topic).as_deref(), Some(expected));
        }
        assert_eq!(subjects.reply(u64::MAX), "chat.r.000000000000000000000000000000ab.18446744073709551615");
        assert!(subjects.is_reply(&subjects.replies()) && subjects.is_reply(&subjects.probe(1)));
        assert!(!subjects.is_reply("chat.a") && !subjects.is_reply("chat.r.00"));
        for (reply, expected) in [
            (subjects.reply(0), Some(Reply::Tag(0))),
            (subjects.reply(u64::MAX), Some(Reply::Tag(u64::MAX))),
            (subjects.probe(7), Some(Reply::Probe(7))),
            (subjects.replies(), None),
            (String::new(), None),
            ("chat.-1".into(), None),
            ("chat.p".into(), None),
            ("chat.18446744073709551616".into(), None),
        ] {
            assert_eq!(Subjects::read_reply(&reply), expected, "{reply}");
        }
    }

    #[test]
    fn a_prefix_is_one_plain_word() {
        for good in ["a", "birpc", "A-z_0", &"x".repeat(32)] {
            assert!(Subjects::is_prefix(good), "{good}");
        }
        for bad in ["", "a.b", "a b", "*", ">", "a>", "ä", "a\n", "$SYS", &"x".repeat(33)] {
            assert!(!Subjects::is_prefix(bad), "{bad}");
        }
    }
}
