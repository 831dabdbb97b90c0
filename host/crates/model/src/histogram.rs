//! Durations as counts in buckets that grow with the duration. Quantiles of any number of entries need a fixed amount
//! of memory, and two histograms can be added.

/// Buckets of each doubling. A quantile is the longest duration of its bucket: never below the exact one, and at most
/// 1/16 (some 6 %) above it.
const STEPS: u64 = 16;
/// Durations below this have a bucket each.
const EXACT: u64 = 16;
/// Doublings above that. Durations of 2⁴⁰ µs (twelve days) or longer count in the last bucket.
const DOUBLINGS: u64 = 36;

/// The number of buckets of a histogram.
pub const BUCKETS: usize = (EXACT + DOUBLINGS * STEPS) as usize;

/// The bucket of a duration in microseconds.
#[inline]
pub fn bucket(micros: u64) -> usize {
    if micros < EXACT {
        return micros as usize;
    }
    let doubling = u64::from(micros.ilog2()) - 4;
    let step = (micros >> doubling) - EXACT;
    ((EXACT + doubling * STEPS + step) as usize).min(BUCKETS - 1)
}

/// The limits between the classes of [`classes`], as exponents of two.
const FIRST_LIMIT: u64 = 10;
const LAST_LIMIT: u64 = 28;

/// The limits between the classes of [`classes`], in microseconds, from a millisecond to some four minutes. They are
/// powers of two, where buckets begin, so that a class is counted exactly.
pub fn limits() -> impl Iterator<Item = u64> {
    (FIRST_LIMIT..=LAST_LIMIT).map(|exponent| 1 << exponent)
}

/// How many values are below the first limit, from each limit to the next, and from the last one on.
pub fn classes(counts: &[u32]) -> Vec<u64> {
    let limits: Vec<_> = limits().collect();
    let mut classes = vec![0; limits.len() + 1];
    for (bucket, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        classes[limits.partition_point(|limit| *limit <= longest(bucket))] += u64::from(*count);
    }
    classes
}

/// The longest duration of a bucket, in microseconds; the last one has no end.
fn longest(bucket: usize) -> u64 {
    if bucket == BUCKETS - 1 {
        return u64::MAX;
    }
    let bucket = bucket as u64;
    if bucket < EXACT {
        return bucket;
    }
    let (doubling, step) = ((bucket - EXACT) / STEPS, (bucket - EXACT) % STEPS);
    ((EXACT + step + 1) << doubling) - 1
}

/// The duration that `percent` of the values do not exceed, in microseconds; `None` without values. The caller limits
/// it to the longest value, which this does not know.
pub fn quantile(counts: &[u32], percent: u64) -> Option<u64> {
    let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    // The nearest rank: the smallest duration with at least that share at or below it.
    let rank = (total * percent).div_ceil(100).max(1);
    let mut below = 0;
    let found = counts.iter().position(|count| {
        below += u64::from(*count);
        below >= rank
    });
    found.filter(|_| total > 0).map(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_ascend_and_their_ends_are_close() {
        let mut last = 0;
        for micros in (0..5_000).chain((5_000..10_000_000).step_by(997)).chain((24..40).map(|bit| (1 << bit) + 12_345))
        {
            let bucket = bucket(micros);
            assert!(bucket >= last && bucket < BUCKETS);
            last = bucket;
            let counted = longest(bucket);
            assert!(counted >= micros && (counted - micros) * 16 <= micros, "{micros} is counted as {counted}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn classes_are_exact_at_their_limits() {
        let limits: Vec<_> = limits().collect();
        let mut counts = [0; BUCKETS];
        let values = limits.iter().flat_map(|limit| [limit - 1, *limit]).chain([0, u64::MAX]);
        values.for_each(|micros| counts[bucket(micros)] += 1);
        // Each class has its limit and what is just below the next one.
        assert_eq!(classes(&counts), vec![2; limits.len() + 1]);
        assert_eq!(classes(&[]), vec![0; limits.len() + 1]);
    }

    #[test]
    fn quantiles_follow_the_nearest_rank() {
        let mut counts = [0; BUCKETS];
        assert_eq!(quantile(&counts, 95), None);
        for micros in 1..=10 {
            counts[bucket(micros)] += 1;
        }
        let mut long = [0; BUCKETS];
        long[bucket(1 << 50)] = 1;
        assert_eq!(quantile(&long, 50), Some(u64::MAX), "never below");
        assert_eq!([quantile(&counts, 1), quantile(&counts, 50), quantile(&counts, 95)], [Some(1), Some(5), Some(10)]);
    }
}
