//! Plans what the daily cron may delete. In doubt, data stays.

use crate::contract::{RetentionPlan, Setting};
use crate::settings::{self, PAYLOAD_RETENTION_DAYS, RETENTION_DAYS, USAGE_RETENTION_DAYS};

const DAY: i64 = 86_400_000_000;

/// The plan for a run at `now`, in microseconds since 1970.
pub fn by_settings(settings: &[Setting], now: i64) -> RetentionPlan {
    RetentionPlan {
        entries_before: days_before(settings, RETENTION_DAYS, now),
        payloads_before: days_before(settings, PAYLOAD_RETENTION_DAYS, now),
        usage_before: days_before(settings, USAGE_RETENTION_DAYS, now),
    }
}

/// A period that is absent, of the wrong type, zero or negative deletes nothing.
fn days_before(settings: &[Setting], key: &str, now: i64) -> Option<i64> {
    let days = settings::integer(settings, key).filter(|days| *days > 0)?;
    // An absurdly long period saturates at the beginning of time, before which there is nothing to delete.
    Some(now.saturating_sub(days.saturating_mul(DAY)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Value;

    const NOW: i64 = 1_800_000_000_000_000;

    fn entries_before(value: Value) -> Option<i64> {
        by_settings(&[Setting { key: RETENTION_DAYS.to_owned(), value }], NOW).entries_before
    }

    #[test]
    fn days_are_counted_back_from_now() {
        assert_eq!(entries_before(Value::Integer(1)), Some(NOW - 86_400_000_000));
        assert_eq!(entries_before(Value::Integer(90)), Some(NOW - 90 * 86_400_000_000));
    }

    #[test]
    fn in_doubt_nothing_is_deleted() {
        for value in [Value::Integer(0), Value::Integer(-1), Value::Integer(i64::MIN), Value::Unset] {
            assert_eq!(entries_before(value), None);
        }
        assert_eq!(entries_before(Value::Text("90".to_owned())), None);
        assert_eq!(entries_before(Value::Boolean(true)), None);
        assert_eq!(
            by_settings(&[], NOW),
            RetentionPlan { entries_before: None, payloads_before: None, usage_before: None }
        );
    }

    #[test]
    fn nothing_overflows() {
        assert_eq!(entries_before(Value::Integer(i64::MAX)), Some(NOW - i64::MAX));
        let forever = [Setting { key: RETENTION_DAYS.to_owned(), value: Value::Integer(i64::MAX) }];
        assert_eq!(by_settings(&forever, i64::MIN).entries_before, Some(i64::MIN));
        assert_eq!(by_settings(&forever, -2).entries_before, Some(i64::MIN));
    }

    #[test]
    fn payloads_have_their_own_period() {
        let both = |entries, payloads| {
            let setting = |key: &str, days| Setting { key: key.to_owned(), value: Value::Integer(days) };
            by_settings(&[setting(RETENTION_DAYS, entries), setting(PAYLOAD_RETENTION_DAYS, payloads)], NOW)
        };
        assert_eq!(both(90, 7).payloads_before, Some(NOW - 7 * DAY));
        assert_eq!(both(90, 0).payloads_before, None);
        let plan = RetentionPlan { entries_before: None, payloads_before: Some(NOW - 7 * DAY), usage_before: None };
        assert_eq!(both(0, 7), plan);
    }

    #[test]
    fn usage_has_its_own_period() {
        let setting = Setting { key: USAGE_RETENTION_DAYS.to_owned(), value: Value::Integer(400) };
        let expected =
            RetentionPlan { entries_before: None, payloads_before: None, usage_before: Some(NOW - 400 * DAY) };
        assert_eq!(by_settings(&[setting], NOW), expected);
    }
}
