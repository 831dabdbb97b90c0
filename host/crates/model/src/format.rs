//! Formats numbers, durations, sizes and times for people, and cuts texts to a length: one form of each on pages and
//! terminals.

use std::borrow::Cow;

use crate::field::Unit;
use crate::price;
use crate::time::Timestamp;

/// Powers of a thousand, the greatest first.
const UNITS: [(&str, u64); 4] = [("T", 1_000_000_000_000), ("G", 1_000_000_000), ("M", 1_000_000), ("k", 1_000)];

/// A number with the unit that it counts.
pub fn number(unit: Unit, number: i64) -> String {
    let magnitude = number.unsigned_abs();
    match unit {
        Unit::None => number.to_string(),
        Unit::Micros => duration(magnitude),
        Unit::Bytes => bytes(magnitude),
        Unit::Count => count(magnitude),
    }
}

/// A moment in RFC 3339, to the minute.
pub fn minute(at: Timestamp) -> String {
    at.to_utc().format("%Y-%m-%dT%H:%MZ").to_string()
}

/// A moment in RFC 3339, to the second.
pub fn second(at: Timestamp) -> String {
    at.to_utc().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A percentage. A part never reads as 100 %, and a non-zero part never as 0 %.
pub fn percent(part: u64, whole: u64) -> String {
    let (part, whole) = (u128::from(part), u128::from(whole));
    let rounded = (part * 1_000 + whole / 2).checked_div(whole).unwrap_or(0).min(1_000);
    let mille = rounded.min(if part < whole { 999 } else { 1_000 }).max(u128::from(part > 0));
    format!("{}.{} %", mille / 10, mille % 10)
}

/// The change of a number in percent.
pub fn change(now: u64, before: u64) -> String {
    if now == before {
        return "as before".to_owned();
    }
    if before == 0 {
        return "none before".to_owned();
    }
    let by = u128::from(now.abs_diff(before)) * 100;
    let by = (by + u128::from(before) / 2) / u128::from(before);
    match by {
        0 if now > before => "up by less than 1 %".to_owned(),
        0 => "down by less than 1 %".to_owned(),
        by if by > 999 => format!("{} × before", count(now / before)),
        by => format!("{}{by} %", if now > before { '+' } else { '−' }),
    }
}

/// A duration, rounded.
pub fn duration(micros: u64) -> String {
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

/// A duration in milliseconds, for a column of them.
pub fn millis(micros: u64) -> String {
    format!("{:.1}", micros as f64 / 1_000.0)
}

/// A number of `unit`, with one decimal.
fn tenths(number: u64, unit: u64) -> String {
    let tenths = number.saturating_add(unit / 20) / (unit / 10);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// A number with its thousands apart.
pub fn count(number: u64) -> String {
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

/// A number of things: `1 entry`, `2 entries`.
pub fn counted(number: u64, one: &str, more: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { more })
}

/// A short number for an axis.
pub fn rough(number: u64) -> String {
    match UNITS.iter().find(|(_, size)| number >= *size) {
        Some((unit, size)) if (number % size) * 10 / size > 0 => {
            format!("{}.{}\u{a0}{unit}", number / size, number % size * 10 / size)
        }
        Some((unit, size)) => format!("{}\u{a0}{unit}", number / size),
        None => number.to_string(),
    }
}

/// A size.
pub fn bytes(number: u64) -> String {
    match UNITS.iter().find(|(_, size)| number >= *size) {
        Some((unit, size)) => format!("{}.{} {unit}B", number / size, number % size * 10 / size),
        None => format!("{number} bytes"),
    }
}

/// Money in the platform's currency, with separated thousands; small amounts have more decimals.
pub fn money(micros: u64) -> String {
    let plain = price::money(micros);
    let grouped =
        plain.split_once('.').and_then(|(whole, rest)| Some(format!("{}.{rest}", count(whole.parse().ok()?))));
    grouped.unwrap_or(plain)
}

/// The text if it has at most this many characters; otherwise its beginning and `…`, together this many characters.
pub fn cut(text: &str, longest: usize) -> Cow<'_, str> {
    match prefix(text, longest).len() < text.len() {
        true => format!("{}…", prefix(text, longest.saturating_sub(1))).into(),
        false => text.into(),
    }
}

/// The first characters of a text, so many at most.
pub fn prefix(text: &str, longest: usize) -> &str {
    // A text of so many bytes has no more characters.
    match text.len() > longest {
        true => text.char_indices().nth(longest).map_or(text, |(at, _)| &text[..at]),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let now = Timestamp::parse("2026-11-21T12:00:00Z").expect("a time");
        assert_eq!([minute(now), second(now)], ["2026-11-21T12:00Z", "2026-11-21T12:00:00Z"]);
    }

    #[test]
    fn numbers_have_units() {
        assert_eq!(
            [duration(7), duration(1_240), duration(83_900), duration(2_450_000)].join(" "),
            "7 µs 1.2 ms 84 ms 2.5 s"
        );
        assert_eq!([duration(61_000_000), millis(1_240)], ["1 min 1 s", "1.2"]);
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!([bytes(999), bytes(1_500), bytes(u64::MAX)].join(" "), "999 bytes 1.5 kB 18446744.0 TB");
        assert_eq!([999, 1_000, 1_500, 2_000_000].map(rough), ["999", "1\u{a0}k", "1.5\u{a0}k", "2\u{a0}M"]);
        assert_eq!([money(12_300), money(1_234_567_890_000)], ["0.0123", "1\u{202f}234\u{202f}567.89"]);
    }

    #[test]
    fn shares_are_never_rounded_to_none_or_all() {
        let shares = [(0, 7), (1, 1_000_000), (999_999, 1_000_000), (7, 7), (1, 3), (0, 0)];
        let shares = shares.map(|(part, whole)| percent(part, whole));
        assert_eq!(shares, ["0.0 %", "0.1 %", "99.9 %", "100.0 %", "33.3 %", "0.0 %"]);
        assert_eq!(percent(u64::MAX, u64::MAX), "100.0 %");
    }

    #[test]
    fn changes_are_relative_to_the_previous_period() {
        let changes = [(0, 0), (5, 0), (0, 5), (112, 100), (90, 100), (10_001, 10_000), (50, 1)];
        let changes = changes.map(|(now, before)| change(now, before));
        let words = ["as before", "none before", "−100 %", "+12 %", "−10 %", "up by less than 1 %", "50 × before"];
        assert_eq!(changes, words);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!([cut("abcdef", 4), cut("abcd", 4), cut("äöüß", 3), cut("a", 0)], ["abc…", "abcd", "äö…", "…"]);
        assert_eq!([prefix("äöü", 2), prefix("äöü", 3), prefix("äöü", 5), prefix("", 0)], ["äö", "äöü", "äöü", ""]);
    }
}
