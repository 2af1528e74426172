//! Any words of a peer, and anything that this side does meanwhile, on the table of streams.
#![no_main]

use arbitrary::{Result, Unstructured};
use birpc_core::internals::{StreamStep, check_streams};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut input = Unstructured::new(input);
    // Steps as long as there are bytes for them.
    check_streams(std::iter::from_fn(|| (!input.is_empty()).then(|| step(&mut input).ok()).flatten()));
});

fn step(input: &mut Unstructured<'_>) -> Result<StreamStep> {
    Ok(match input.int_in_range(0..=17)? {
        0 => StreamStep::Call { result: input.arbitrary()?, arguments: input.arbitrary()? },
        1 => StreamStep::Sent(input.arbitrary()?),
        2 => StreamStep::Cancel(input.arbitrary()?),
        3 => StreamStep::Request {
            id: input.int_in_range(0..=3)?,
            result: input.arbitrary()?,
            arguments: input.arbitrary()?,
        },
        4 => StreamStep::Return(input.int_in_range(0..=3)?),
        5 => StreamStep::Answer(input.int_in_range(0..=3)?),
        6..=9 => StreamStep::Word {
            word: input.arbitrary()?,
            id: input.int_in_range(0..=7)?,
            stream: input.int_in_range(0..=2)?,
            count: input.arbitrary()?,
        },
        10..=12 => StreamStep::Consume(input.arbitrary()?),
        13 => StreamStep::Drop(input.arbitrary()?),
        14 => StreamStep::Produce(input.arbitrary()?),
        15 => StreamStep::End(input.arbitrary()?),
        16 => StreamStep::Drain,
        _ => StreamStep::Disconnect,
    })
}
