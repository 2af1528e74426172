//! Any steps on the two tables of calls and on that of subscriptions, each compared with its model.
#![no_main]

use arbitrary::{Result, Unstructured};
use birpc_core::internals::{
    CallStep, ServedStep, SubscriptionStep, check_calls, check_served, check_subscriptions,
};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut input = Unstructured::new(input);
    match input.arbitrary::<u8>().unwrap_or_default() % 3 {
        0 => check_served(steps(input, served_step)),
        1 => check_calls(steps(input, call_step)),
        _ => check_subscriptions(steps(input, subscription_step)),
    }
});

/// Steps, as long as there are bytes for them.
fn steps<T>(
    mut input: Unstructured<'_>,
    step: impl Fn(&mut Unstructured<'_>) -> Result<T>,
) -> impl Iterator<Item = T> {
    std::iter::from_fn(move || (!input.is_empty()).then(|| step(&mut input).ok()).flatten())
}

fn call_step(input: &mut Unstructured<'_>) -> Result<CallStep> {
    Ok(match input.int_in_range(0..=10)? {
        0 | 1 => CallStep::Insert,
        2 => CallStep::Send(index(input)?),
        3 => CallStep::Complete(index(input)?),
        4 => CallStep::Poll(index(input)?),
        5 => CallStep::Remove(index(input)?),
        6 => CallStep::Cancel(index(input)?),
        7 => CallStep::Batch { calls: input.int_in_range(1..=3)?, notifications: input.int_in_range(0..=2)? },
        8 => CallStep::Refuse,
        9 => CallStep::Notify,
        _ => CallStep::Disconnect,
    })
}

fn served_step(input: &mut Unstructured<'_>) -> Result<ServedStep> {
    Ok(match input.int_in_range(0..=8)? {
        0 | 1 => ServedStep::Arrive { bytes: index(input)?, ordered: input.arbitrary()? },
        2 => ServedStep::Batch {
            entries: input.int_in_range(1..=4)?,
            bytes: index(input)?,
            ordered: input.arbitrary()?,
        },
        3 => ServedStep::Finish(index(input)?),
        4 => ServedStep::Cancel(index(input)?),
        5 => ServedStep::Wait(input.int_in_range(0..=3)?),
        6 => ServedStep::Congest(input.arbitrary()?),
        7 => ServedStep::Unlimited { ordered: input.arbitrary()? },
        _ => ServedStep::Drain,
    })
}

fn subscription_step(input: &mut Unstructured<'_>) -> Result<SubscriptionStep> {
    Ok(match input.int_in_range(0..=10)? {
        0 => SubscriptionStep::Call { notify: input.arbitrary()?, drop_oldest: input.arbitrary()? },
        1 | 2 => SubscriptionStep::Reply { call: input.arbitrary()?, result: input.arbitrary()? },
        3..=5 => SubscriptionStep::Notify {
            notify: input.arbitrary()?,
            id: input.arbitrary()?,
            content: input.arbitrary()?,
        },
        6 | 7 => SubscriptionStep::Consume(input.arbitrary()?),
        8 => SubscriptionStep::Drop(input.arbitrary()?),
        9 => SubscriptionStep::Cancel(input.arbitrary()?),
        _ => SubscriptionStep::Disconnect,
    })
}

fn index(input: &mut Unstructured<'_>) -> Result<usize> {
    input.arbitrary::<u8>().map(usize::from)
}
