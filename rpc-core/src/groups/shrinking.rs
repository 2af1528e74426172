//! Maps that do not keep the memory of what was in them at a busy time.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

/// Maps of at most this capacity are left as they are.
const SMALL: usize = 64;

/// Removes an entry. A map that has become far too large for its entries is made smaller, so that the memory
/// of many that came and left is freed.
pub(super) fn remove_from<K: Eq + Hash, V, S: BuildHasher>(map: &mut HashMap<K, V, S>, key: &K) -> Option<V> {
    let removed = map.remove(key);
    if map.capacity() > SMALL && map.len() < map.capacity() / 8 {
        map.shrink_to(map.len() * 2);
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_many_that_came_and_left_is_freed() {
        let mut map: HashMap<u32, u32> = (0..100_000).map(|number| (number, number)).collect();
        for number in 0..100_000 {
            assert_eq!(remove_from(&mut map, &number), Some(number));
            let (capacity, len) = (map.capacity(), map.len());
            assert!(capacity <= SMALL || capacity < 8 * (len + 1), "{capacity} for {len}");
        }
        assert_eq!(remove_from(&mut map, &7), None);
    }
}
