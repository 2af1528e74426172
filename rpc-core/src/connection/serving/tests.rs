use super::*;
use crate::config::Config;
use crate::handshake::ConnectionInfo;
use crate::shared_state::SharedLimits;

#[test]
fn a_buffer_is_kept_unless_it_is_large_until_the_connection_is_idle() {
    let config = Arc::new(Config::default());
    let shared = SharedState::new(config, ConnectionInfo::default(), SharedLimits::default());
    let mut serving = Serving::new(Arc::new(Router::new()), Arc::new(shared));
    for (capacity, kept) in [(100, 100), (KEEP_REPLY + 1, 100), (KEEP_REPLY, KEEP_REPLY)] {
        serving.keep_buffer(Vec::with_capacity(capacity));
        assert_eq!(serving.reply.capacity(), kept);
    }
    serving.shrink();
    assert_eq!(serving.reply.capacity(), 0);
}
