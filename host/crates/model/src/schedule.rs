//! Schedules of jobs. Without I/O: the caller passes the time.

use std::str::FromStr;

use crate::time::Timestamp;

/// A schedule in cron syntax: minute, hour, day of month, month, day of week, in UTC.
#[derive(Clone, Debug)]
pub struct Schedule {
    text: String,
    cron: cron::Schedule,
}

impl Schedule {
    /// Reads five fields.
    ///
    /// # Errors
    /// The text is not a schedule; the message says why.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.split_whitespace().count() != 5 {
            return Err(format!("{text:?} is not a schedule: it needs five fields, such as \"17 3 * * *\""));
        }
        let cron = cron::Schedule::from_str(&format!("0 {text}"))
            .map_err(|error| format!("{text:?} is not a schedule: {error}"))?;
        Ok(Self { text: text.to_owned(), cron })
    }

    /// The first moment after `after` at which the job is due; `None` when there is none left.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.cron.after(&after.to_utc()).next().map(Timestamp::from)
    }
}

impl std::fmt::Display for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// The stored state of a scheduled job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CronState {
    /// When it is due next.
    pub next_run: Option<Timestamp>,
    /// When it ran last.
    pub last_run: Option<Timestamp>,
    /// Whether that run succeeded.
    pub last_succeeded: Option<bool>,
    /// The message of that run.
    pub last_message: Option<String>,
    /// When the current run began, or the run that was interrupted by the end of the process.
    pub running_since: Option<Timestamp>,
}

impl CronState {
    /// Whether the job is due at `now`. Any number of missed slots is one run; an interrupted run is repeated at once.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.running_since.is_some() || self.next_run.is_some_and(|next| next <= now)
    }

    /// The state after a run at `now` that ended with `result`; the next slot lies in the future.
    ///
    /// A failure waits for the next regular slot like a success. The job is never switched off.
    pub fn after_run(schedule: &Schedule, now: Timestamp, result: &Result<String, String>) -> Self {
        Self {
            next_run: schedule.next_after(now),
            last_run: Some(now),
            last_succeeded: Some(result.is_ok()),
            last_message: Some(result.clone().unwrap_or_else(|error| error)),
            running_since: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    #[test]
    fn runs_daily_at_its_hour() {
        let daily = Schedule::parse("17 3 * * *").expect("a schedule");
        assert_eq!(daily.next_after(at("2026-11-21T02:00:00Z")), Some(at("2026-11-21T03:17:00Z")));
        assert_eq!(daily.next_after(at("2026-11-21T03:17:00Z")), Some(at("2026-11-22T03:17:00Z")));
    }

    #[test]
    fn any_number_of_missed_slots_is_one_run() {
        let daily = Schedule::parse("17 3 * * *").expect("a schedule");
        let state = CronState { next_run: Some(at("2026-11-01T03:17:00Z")), ..CronState::default() };
        let now = at("2026-11-21T12:00:00Z");
        assert!(state.is_due(now));
        let state = CronState::after_run(&daily, now, &Err("disk full".into()));
        assert!(!state.is_due(now));
        assert_eq!(state.next_run, Some(at("2026-11-22T03:17:00Z")));
        assert_eq!((state.last_succeeded, state.last_message.as_deref()), (Some(false), Some("disk full")));
    }

    #[test]
    fn an_interrupted_run_is_due_until_a_run_has_ended() {
        let daily = Schedule::parse("17 3 * * *").expect("a schedule");
        let now = at("2026-11-21T12:00:00Z");
        let state = CronState { next_run: daily.next_after(now), running_since: Some(now), ..CronState::default() };
        assert!(state.is_due(now));
        assert!(!CronState::after_run(&daily, now, &Ok("done".into())).is_due(now));
    }

    #[test]
    fn an_invalid_schedule_is_refused() {
        for text in ["", "daily", "* * * *", "61 3 * * *", "0 0 3 * * *"] {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
    }
}
