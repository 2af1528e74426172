//! Sizes on the command line: `512KiB`, `64MiB`, `1GiB`; a number without a unit is bytes.

/// Parses a size of at least one byte.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" | "B" => 0,
        "KiB" | "K" => 10,
        "MiB" | "M" => 20,
        "GiB" | "G" => 30,
        unit => return Err(format!("`{unit}` is no unit; write 512KiB, 64MiB or 1GiB")),
    };
    let number: Option<usize> = digits.parse().ok().filter(|number| *number > 0);
    let number = number.ok_or("write a number and a unit: 512KiB, 64MiB or 1GiB")?;
    // No message in memory is larger, and there is room to count a few bytes more.
    let bytes = number.checked_mul(1 << shift).filter(|bytes| *bytes <= isize::MAX as usize);
    bytes.ok_or_else(|| "it is too large".into())
}

#[test]
fn sizes_have_units() {
    for (text, bytes) in [("1", 1), ("7B", 7), ("2KiB", 2048), ("64MiB", 64 << 20), ("1G", 1 << 30)] {
        assert_eq!(size(text), Ok(bytes), "{text}");
    }
    const MOST: &str = "18446744073709551615"; // of 64 bits
    for text in ["", "0", "MiB", "-1", "1.5M", "1kb", "99999999999999999999", "99999999999G", MOST] {
        assert!(size(text).is_err(), "{text}");
    }
}
