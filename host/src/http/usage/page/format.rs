//! Figures as text: amounts of money, and changes.

use crate::http::ui::text::count;
use crate::price;
use crate::time::Timestamp;

/// Money in the platform's currency; small amounts have more decimals.
pub(in crate::http) fn money(micros: u64) -> String {
    let plain = price::money(micros);
    let grouped =
        plain.split_once('.').and_then(|(whole, rest)| Some(format!("{}.{rest}", count(whole.parse().ok()?))));
    grouped.unwrap_or(plain)
}

/// A number for an axis, where there is no room.
pub(in crate::http) fn rough(number: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("T", 1_000_000_000_000), ("G", 1_000_000_000), ("M", 1_000_000), ("k", 1_000)];
    match UNITS.iter().find(|(_, size)| number >= *size) {
        Some((unit, size)) if (number % size) * 10 / size > 0 => {
            format!("{}.{}\u{a0}{unit}", number / size, number % size * 10 / size)
        }
        Some((unit, size)) => format!("{}\u{a0}{unit}", number / size),
        None => number.to_string(),
    }
}

/// The change of a figure in percent.
pub(in crate::http) fn change(now: u64, before: u64) -> String {
    if now == before {
        return "as before".to_owned();
    }
    if before == 0 {
        return "none before".to_owned();
    }
    let by = u128::from(now.abs_diff(before)) * 100;
    let by = (by + u128::from(before) / 2) / u128::from(before);
    let sign = if now > before { '+' } else { '−' };
    match by {
        0 if now > before => "up by less than 1 %".to_owned(),
        0 => "down by less than 1 %".to_owned(),
        by if by > 999 => format!("{} × before", count(now / before)),
        by => format!("{sign}{by} %"),
    }
}

/// A range, to the minute.
pub(in crate::http) fn span(from: Timestamp, to: Timestamp) -> String {
    let minute = |at: Timestamp| at.to_utc().format("%Y-%m-%d %H:%M").to_string();
    format!("{} – {} UTC", minute(from), minute(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_grouped() {
        assert_eq!(money(12_300), "0.0123");
        assert_eq!(money(1_234_567_890_000), "1\u{202f}234\u{202f}567.89");
    }

    #[test]
    fn changes_are_relative_to_the_previous_period() {
        let told = [(0, 0), (5, 0), (0, 5), (112, 100), (90, 100), (10_001, 10_000), (50, 1)];
        let told = told.map(|(now, before)| change(now, before));
        let words = ["as before", "none before", "−100 %", "+12 %", "−10 %", "up by less than 1 %", "50 × before"];
        assert_eq!(told, words);
        assert_eq!([999, 1_000, 1_500, 2_000_000].map(rough), ["999", "1\u{a0}k", "1.5\u{a0}k", "2\u{a0}M"]);
    }
}
