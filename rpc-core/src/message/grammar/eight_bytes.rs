//! Looks at eight bytes of a text at a time.

/// Sets the highest bit of each byte that is a quote, a backslash or a control character. Bits above the
/// lowest one may also be set for other bytes, since a subtraction borrows.
#[inline]
pub(super) fn special(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 255;
    const HIGH: u64 = EACH << 7;
    let below = |word: u64, bound: u8| word.wrapping_sub(EACH * u64::from(bound)) & !word;
    // With this bit flipped, a quote is 0x20, the byte after the control characters, and a space is 0x22.
    let quote_or_control = below(word ^ (EACH * 2), 0x21);
    (quote_or_control | below(word ^ (EACH * u64::from(b'\\')), 1)) & HIGH
}

/// Returns the rest from its first special byte on. If its blocks of eight bytes have none, returns the bytes
/// after these, which may have one.
#[inline(never)]
pub(super) fn without_plain(mut rest: &[u8]) -> &[u8] {
    while let Some((bytes, behind)) = rest.split_first_chunk::<16>() {
        let words = u128::from_le_bytes(*bytes);
        let (low, high) = (special(words as u64), special((words >> 64) as u64));
        if low | high != 0 {
            let plain = if low != 0 { low.trailing_zeros() } else { 64 + high.trailing_zeros() };
            return &rest[plain as usize / 8..];
        }
        rest = behind;
    }
    match rest.split_first_chunk() {
        Some((word, behind)) => match special(u64::from_le_bytes(*word)) {
            0 => behind,
            special => &rest[special.trailing_zeros() as usize / 8..],
        },
        None => rest,
    }
}

/// Sets bits of each byte that is not a digit. Bits above the lowest one may also be set for digits, since an
/// addition carries.
#[inline]
pub(super) fn no_digits(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 255;
    const UPPER: u64 = EACH * 0xf0;
    // Digits are 0x30 to 0x39, and remain 0x3_ when 6 is added.
    let zero = EACH * 0x30;
    ((word & UPPER) ^ zero) | ((word.wrapping_add(EACH * 6) & UPPER) ^ zero)
}
