//! Values from outside as text on a page: no invisible characters, and none that reorder the surrounding text.

use std::fmt::{self, Display};

use mcp_audit_log_model::name::is_hidden;
use mcp_audit_log_model::time::{SECOND, Timestamp};

/// A text that is safe to show. Templates take recorded values in no other form; HTML escaping is applied as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown(String);

impl Shown {
    /// On one line.
    pub(crate) fn line(text: &str) -> Self {
        Self(escape(text, false))
    }

    /// On one line, with no more than so many characters of it.
    pub(crate) fn cut(text: &str, longest: usize) -> Self {
        match text.char_indices().nth(longest) {
            Some((at, _)) => Self(format!("{}…", escape(&text[..at], false))),
            None => Self::line(text),
        }
    }

    /// With its own line breaks and tabs.
    pub(crate) fn lines(text: &str) -> Self {
        Self(escape(text, true))
    }
}

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn escape(text: &str, breaks: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' if breaks => shown.push(character),
            '\n' | '\t' | '\r' => shown.extend(character.escape_default()),
            _ if is_hidden(character) => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    shown
}

/// A moment in relative form: how long ago, for recent ones, else the date.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = (now.as_micros() - at.as_micros()).div_euclid(SECOND);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => at.to_utc().format("%Y-%m-%d %H:%M").to_string(),
    }
}

/// A moment in the future, in relative form.
pub(crate) fn ahead(at: Timestamp, now: Timestamp) -> String {
    let seconds = (at.as_micros() - now.as_micros()).div_euclid(SECOND);
    match seconds {
        0..3_600 => format!("in {} min", seconds / 60),
        3_600..172_800 => format!("in {} h", seconds / 3_600),
        _ => at.to_utc().format("%Y-%m-%d %H:%M UTC").to_string(),
    }
}

/// A percentage. A part never reads as 100 %, and a non-zero part never as 0 %.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let (part, whole) = (u128::from(part), u128::from(whole));
    let rounded = (part * 1_000 + whole / 2).checked_div(whole).unwrap_or(0).min(1_000);
    let mille = rounded.min(if part < whole { 999 } else { 1_000 }).max(u128::from(part > 0));
    format!("{}.{} %", mille / 10, mille % 10)
}

/// A moment to the millisecond, UTC.
pub(crate) fn exact(at: Timestamp) -> String {
    at.to_utc().format("%Y-%m-%d %H:%M:%S%.3f UTC").to_string()
}

/// A moment from a form: to the second, or only the day at midnight.
pub(crate) fn moment(at: Timestamp) -> String {
    let form = if at == at.start_of_day() { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S UTC" };
    at.to_utc().format(form).to_string()
}

/// How long something took, rounded.
pub(crate) fn duration(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..9_950 => format!("{} ms", tenths(micros, 1_000)),
        9_950..999_500 => format!("{} ms", (micros + 500) / 1_000),
        999_500..59_950_000 => format!("{} s", tenths(micros, 1_000_000)),
        _ => {
            let seconds = micros.saturating_add(500_000) / 1_000_000;
            format!("{} min {} s", seconds / 60, seconds % 60)
        }
    }
}

/// How many of `unit` there are, with one decimal.
fn tenths(number: u64, unit: u64) -> String {
    let tenths = number.saturating_add(unit / 20) / (unit / 10);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// A number with its thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A size.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [(&str, u64); 4] =
        [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match UNITS.iter().find(|(_, size)| number >= *size) {
        Some((unit, size)) => format!("{}.{} {unit}", number / size, number % size * 10 / size),
        None => format!("{number} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_audit_log_model::time::DAY;

    #[test]
    fn hidden_characters_show() {
        assert_eq!(Shown::line("a\u{1b}[31m\r\nb\0").to_string(), r"a\u{1b}[31m\r\nb\u{0}");
        assert_eq!(
            Shown::line("\u{202e}gpj.exe\u{2066}\u{feff}\u{9b}").to_string(),
            r"\u{202e}gpj.exe\u{2066}\u{feff}\u{9b}"
        );
        assert_eq!(Shown::cut("\u{202e}ab", 2).to_string(), r"\u{202e}a…");
        assert_eq!(Shown::lines("{\n\t1\u{8}}").to_string(), "{\n\t1\\u{8}}");
        assert_eq!(Shown::line("Grüße, 世界 👩\u{200d}🚀").to_string(), "Grüße, 世界 👩\u{200d}🚀");
    }

    #[test]
    fn times_are_relative() {
        let now = Timestamp::parse("2026-11-21T12:00:00Z").expect("a time");
        assert_eq!(ago(now.plus(-59 * SECOND), now), "59 s ago");
        assert_eq!(ago(now.plus(-3 * 3_600 * SECOND), now), "3 h ago");
        assert_eq!(ago(now.plus(-2 * DAY), now), "2026-11-19 12:00");
        assert_eq!(ago(now.plus(DAY), now), "2026-11-22 12:00");
        assert_eq!(ahead(now.plus(DAY), now), "in 24 h");
        assert_eq!(exact(now), "2026-11-21 12:00:00.000 UTC");
        assert_eq!([moment(now), moment(now.start_of_day())], ["2026-11-21 12:00:00 UTC", "2026-11-21"]);
    }

    #[test]
    fn numbers_have_units() {
        assert_eq!(
            [duration(7), duration(1_240), duration(83_900), duration(2_450_000)].join(" "),
            "7 µs 1.2 ms 84 ms 2.5 s"
        );
        assert_eq!(duration(61_000_000), "1 min 1 s");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!([bytes(999), bytes(1_500), bytes(u64::MAX)].join(" "), "999 bytes 1.5 kB 18446744.0 TB");
    }

    #[test]
    fn shares_neither_vanish_nor_become_all() {
        let told = [(0, 7), (1, 1_000_000), (999_999, 1_000_000), (7, 7), (1, 3), (0, 0)];
        let told = told.map(|(part, whole)| percent(part, whole));
        assert_eq!(told, ["0.0 %", "0.1 %", "99.9 %", "100.0 %", "33.3 %", "0.0 %"]);
        assert_eq!(percent(u64::MAX, u64::MAX), "100.0 %");
    }
}
