//! Numbers with a fraction return unchanged.

use birpc::{CallError, Connection, Context, ErrorObject, Router};

use crate::support::bounded;

#[tokio::test]
async fn floats_come_back_to_the_last_bit() {
    let echo = |_: Context, (numbers,): (Vec<f64>,)| async { Ok::<_, ErrorObject>(numbers) };
    let (peer, _other) = Connection::pair(Router::new(), Router::new().method("echo", echo));
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state ^ (state >> 29)
    };
    let below_one = (0..10_000).map(|_| (random() >> 11) as f64 / (1_u64 << 53) as f64).collect::<Vec<_>>();
    let any_bits =
        (0..10_000).map(|_| f64::from_bits(random())).filter(|number| number.is_finite()).collect();
    let edges = vec![f64::MIN_POSITIVE, f64::MAX, f64::MIN, f64::EPSILON, 5e-324, -0.0, 0.1, 1e23];
    for numbers in [below_one, any_bits, edges] {
        let echoed: Vec<f64> = bounded(peer.call("echo", (&numbers,))).await.expect("they fit");
        let bits = |numbers: &[f64]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&echoed), bits(&numbers));
    }
}

/// A value that JSON cannot represent is an error at the sender, and not `None` at the receiver.
#[tokio::test]
async fn what_json_cannot_hold_is_an_error_where_it_is_sent() {
    let divide = |_: Context, (a, b): (f64, f64)| async move { Ok::<_, ErrorObject>(Some(a / b)) };
    let (peer, _other) = Connection::pair(Router::new(), Router::new().method("divide", divide));
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let sent = bounded(peer.call::<Option<f64>>("divide", (Some(number), 1.0))).await;
        let Err(CallError::Unsendable(why)) = sent else { panic!("{sent:?}") };
        assert!(why.to_string().contains("JSON cannot represent "), "{why}");
        let sent = bounded(peer.notify("divide", (vec![number], 1.0))).await;
        assert!(matches!(sent, Err(CallError::Unsendable(_))), "{sent:?}");
    }
    let divided = bounded(peer.call::<Option<f64>>("divide", (0.0, 0.0))).await;
    let Err(CallError::Rpc(error)) = divided else { panic!("{divided:?}") };
    assert_eq!(error.code(), -32603);
    assert_eq!(bounded(peer.call::<Option<f64>>("divide", (1.0, 2.0))).await, Ok(Some(0.5)));
}
