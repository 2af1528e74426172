//! Any steps on the two tables of calls, each compared with its model.
#![no_main]

use arbitrary::{Result, Unstructured};
use birpc_core::internals::{CallStep, ServedStep, check_calls, check_served};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut input = Unstructured::new(input);
    if input.arbitrary().unwrap_or_default() {
        check_calls(steps(input, call_step));
    } else {
        check_served(steps(input, served_step));
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

fn index(input: &mut Unstructured<'_>) -> Result<usize> {
    input.arbitrary::<u8>().map(usize::from)
}
