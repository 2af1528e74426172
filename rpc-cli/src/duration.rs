//! Durations on the command line: `300ms`, `1.5s`, `2m`, `1h`; a number without a unit is seconds.

use std::time::Duration;

/// Parses a duration that is longer than 0.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        unit => return Err(format!("`{unit}` is no unit; write 300ms, 5s, 2m or 1h")),
    };
    let number = Some(digits).filter(|digits| digits.starts_with(|it: char| it.is_ascii_digit()));
    let number: Option<f64> = number.and_then(|number| number.parse().ok());
    let seconds = number.ok_or("write a number and a unit: 300ms, 5s, 2m or 1h")? * factor;
    match Duration::try_from_secs_f64(seconds) {
        Ok(Duration::ZERO) => Err("it must be longer than 0".into()),
        Ok(duration) => Ok(duration),
        Err(_) => Err("it is too long".into()),
    }
}

#[test]
fn durations_have_units() {
    let cases = [
        ("300ms", 300),
        ("1.5s", 1_500),
        ("5", 5_000),
        ("2m", 120_000),
        ("2min", 120_000),
        ("1h", 3_600_000),
    ];
    for (text, milliseconds) in cases {
        assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
    }
    let mistakes = "ms 0 0ms -1s +1s 1d nan inf 1e400 1e30h 1s1s é";
    for text in mistakes.split(' ').chain(["", "1 s"]) {
        assert!(duration(text).is_err(), "{text}");
    }
}
