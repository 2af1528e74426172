//! The engine is lost and restored, or loses messages.

use std::time::Duration;

use birpc_cluster::Faults;
use birpc_core::{CallError, Peer, Remote};

use crate::support::{Servers, pass, say};

#[tokio::test(start_paused = true)]
async fn without_the_engine_local_life_goes_on_and_afterwards_all_works_again() {
    let mut servers = Servers::new(2).await;
    let mut ada = servers.all[0].member("tea").await;
    let mut ben = servers.all[1].member("tea").await;
    let eve = servers.all[0].guest().await;
    let groups = servers.all[0].groups.clone();
    servers.cut(0);
    pass(10).await;
    assert_eq!(say(&groups, "tea", "local").await, (1, Remote::Unreachable));
    assert_eq!(ada.hear().await, "local");
    let joined = groups.join(&eve.peer, "coffee").await.expect("it is a member on its server");
    assert_eq!(joined.remote, Remote::Unreachable);
    let member = groups.member(ben.peer.global_id()).client::<Peer>();
    let call = member.call::<String>("echo", ["hello"]).await;
    assert!(matches!(call, Err(CallError::Disconnected { sent: false, .. })), "{call:?}");
    // The clocks stand still: nobody is dead because of the outage, however long.
    pass(60_000).await;
    assert_eq!(servers.known(), [2, 1]);

    servers.restore(0);
    pass(100).await;
    assert_eq!(servers.known(), [2, 2]);
    assert_eq!(servers.all[0].gaps(), ["coffee", "tea"], "once for each group with members");
    assert_eq!(say(&groups, "tea", "to both").await, (1, Remote::Published));
    assert_eq!((ada.hear().await, ben.hear().await), ("to both".into(), "to both".into()));
    assert_eq!(say(&servers.all[1].groups, "coffee", "for eve").await.1, Remote::Published);
    assert_eq!(member.call::<String>("echo", ["hello"]).await, Ok("hello".into()));
    assert_eq!(servers.all[1].gaps(), [""; 0], "what it has not missed is no gap");
}

/// What is heard first after an outage is heard after the gap.
#[tokio::test(start_paused = true)]
async fn the_gap_of_an_outage_is_told_before_later_messages() {
    let mut servers = Servers::new(3).await;
    let mut ada = servers.all[0].member("tea").await;
    // The engine is never restored for this one, so the barrier waits for its second.
    servers.engine.stall(&servers.all[2].backplane, true);
    servers.cut(0);
    pass(10).await;
    say(&servers.all[1].groups, "tea", "lost").await;
    servers.restore(0);
    pass(100).await;
    say(&servers.all[1].groups, "tea", "heard").await;
    assert_eq!(ada.hear().await, "heard");
    assert_eq!(servers.all[0].gaps(), ["tea"]);
    pass(2000).await;
    assert_eq!(servers.all[0].gaps(), ["tea"], "what the third had sent until now may be lost");
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_when_the_engine_is_lost_end_as_sent() {
    let mut servers = Servers::new(2).await;
    let ada = servers.all[0].guest().await;
    let member = servers.all[1].groups.member(ada.peer.global_id()).client::<Peer>();
    let call = tokio::spawn(member.call::<()>("hang", ()));
    pass(10).await;
    servers.cut(1);
    let outcome = call.await.expect("no panic");
    assert!(matches!(outcome, Err(CallError::Disconnected { sent: true, .. })), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_lost_is_noticed_with_the_next_heartbeat() {
    let mut servers = Servers::new(2).await;
    let ada = servers.all[0].guest().await;
    let member = servers.all[1].groups.member(ada.peer.global_id()).client::<Peer>();
    member.call::<String>("echo", ["first"]).await.expect("it is connected");
    let call = tokio::spawn(member.call::<()>("hang", ()).with_timeout(Duration::from_secs(60)));
    pass(10).await;
    servers.engine.set_faults(Faults::default().lost(100));
    ada.peer.close(1000, "").expect("a valid close");
    pass(10).await;
    servers.engine.set_faults(Faults::default());
    let began = tokio::time::Instant::now();
    let outcome = call.await.expect("no panic");
    assert!(matches!(outcome, Err(CallError::Disconnected { sent: true, .. })), "{outcome:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

/// What is said with a number is heard in order, and each number that is missing was told as a gap.
#[tokio::test(start_paused = true)]
async fn each_loss_is_told_as_a_gap() {
    for seed in 0..10 {
        println!("seed {seed}");
        let mut servers = Servers::with(2, seed, |node| node).await;
        let mut ada = servers.all[0].member("tea").await;
        let groups = servers.all[1].groups.clone();
        say(&groups, "tea", "0").await;
        assert_eq!(ada.hear().await, "0");
        servers.engine.set_faults(Faults::default().lost(5).doubled(5).delayed(5));
        let mut last = 0;
        for number in 1..500 {
            say(&groups, "tea", &number.to_string()).await;
            pass(1).await;
            let mut missing = 0;
            for line in ada.heard() {
                let heard: i32 = line.parse().expect("a number");
                assert!(heard > last, "seed {seed}: {heard} after {last}");
                missing += heard - last - 1;
                last = heard;
            }
            let gaps = servers.all[0].gaps().len();
            assert_eq!(
                missing > 0,
                gaps > 0,
                "seed {seed}: {missing} missing before {last}, {gaps} gaps told"
            );
        }
    }
}

/// The engine works for both, but passes nothing on between them, so each takes the other for dead.
#[tokio::test(start_paused = true)]
async fn what_a_partition_has_lost_is_told_when_it_is_over() {
    let mut servers = Servers::new(2).await;
    let mut ada = servers.all[0].member("tea").await;
    say(&servers.all[1].groups, "tea", "first").await;
    assert_eq!(ada.hear().await, "first");
    servers.engine.set_faults(Faults::default().lost(100));
    assert_eq!(say(&servers.all[1].groups, "tea", "lost").await, (0, Remote::Published));
    pass(13_000).await;
    assert_eq!(servers.known(), [1, 1]);
    servers.engine.set_faults(Faults::default());
    pass(5_000).await;
    assert_eq!(servers.known(), [2, 2]);
    say(&servers.all[1].groups, "tea", "heard").await;
    assert_eq!(ada.hear().await, "heard");
    assert_eq!(servers.all[0].gaps(), ["tea"]);
}

#[tokio::test(start_paused = true)]
async fn leaving_and_joining_again_is_no_gap() {
    let mut servers = Servers::new(2).await;
    let mut ada = servers.all[0].member("tea").await;
    let groups = servers.all[1].groups.clone();
    say(&groups, "tea", "first").await;
    ada.hear().await;
    servers.all[0].groups.leave(&ada.peer, "tea").await;
    pass(10).await;
    say(&groups, "tea", "nobody hears it").await;
    servers.all[0].groups.join(&ada.peer, "tea").await.expect("there is room");
    say(&groups, "tea", "second").await;
    assert_eq!(ada.hear().await, "second");
    assert_eq!(servers.all[0].gaps(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_read_in_time_is_told_as_a_gap() {
    let mut servers = Servers::new(2).await;
    let _ada = servers.all[0].member("tea").await;
    servers.engine.overrun(&servers.all[0].backplane);
    pass(10).await;
    assert_eq!(servers.all[0].gaps(), ["tea"]);
}

/// The engine is there, but refuses what the node needs.
#[tokio::test(start_paused = true)]
async fn joins_do_not_wait_for_an_engine_that_refuses() {
    let mut servers = Servers::new(1).await;
    let ada = servers.all[0].guest().await;
    servers.cut(0);
    servers.engine.refuse_subscriptions(true);
    servers.restore(0);
    pass(10).await;
    let groups = servers.all[0].groups.clone();
    for group in ["tea", "coffee"] {
        let join = tokio::time::timeout(Duration::from_secs(5), groups.join(&ada.peer, group)).await;
        assert_eq!(join.expect("it ends").map(|joined| joined.remote), Ok(Remote::Unreachable), "{group}");
    }
    servers.engine.refuse_subscriptions(false);
    pass(5_000).await;
    let joined = groups.join(&ada.peer, "milk").await.expect("it is permitted now");
    assert_eq!(joined.remote, Remote::Published);
}

#[tokio::test(start_paused = true)]
async fn the_gap_of_an_outage_does_not_wait_for_joins_that_are_made_meanwhile() {
    let mut servers = Servers::new(2).await;
    let _ada = servers.all[0].member("tea").await;
    let ben = servers.all[0].guest().await;
    servers.cut(0);
    pass(10).await;
    servers.restore(0);
    let groups = servers.all[0].groups.clone();
    let joins = tokio::spawn(async move {
        for number in 0..200 {
            let _ = groups.join(&ben.peer, &format!("group {number}")).await;
        }
    });
    pass(50).await;
    let gaps = servers.all[0].gaps();
    assert!(gaps.iter().any(|group| group == "tea") && !joins.is_finished(), "{gaps:?}");
    joins.abort();
}
