//! Numbers with a fraction come back as they went out.

use birpc::{Connection, Context, ErrorObject, Router};

use crate::support::bounded;

#[tokio::test]
async fn floats_come_back_to_the_last_bit() {
    let echo = |_: Context, (numbers,): (Vec<f64>,)| async { Ok::<_, ErrorObject>(numbers) };
    let (peer, _other) = Connection::pair(Router::new(), Router::new().request("echo", echo));
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
