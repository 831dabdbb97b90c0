//! Figures as text: amounts of money, and changes.

use crate::http::ui::text::count;
use crate::time::Timestamp;

/// Money in the platform's currency; small amounts have more decimals.
pub(in crate::http) fn money(micros: u64) -> String {
    let rounded = |unit: u64| micros / unit + u64::from(micros % unit >= unit.div_ceil(2));
    match micros {
        1..10_000 => format!("0.{micros:06}").trim_end_matches('0').to_owned(),
        10_000..999_950 => format!("0.{:04}", rounded(100)),
        _ => format!("{}.{:02}", count(rounded(10_000) / 100), rounded(10_000) % 100),
    }
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
    fn small_amounts_have_more_decimals() {
        let told = [0, 70, 12_300, 12_350, 990_000, 999_950, 1_234_567, 1_235_000, u64::MAX].map(money);
        let words = ["0.00", "0.00007", "0.0123", "0.0124", "0.9900", "1.00", "1.23", "1.24"];
        assert_eq!(told[..8], words);
        assert!(told[8].ends_with("709.55"), "{}", told[8]);
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
