//! Prices and costs: exact, never overflowing, and absent if unknown.

use super::*;

fn prices(json: &str) -> Prices {
    serde_json::from_str(json).expect("a price table")
}

fn table() -> Prices {
    prices(
        r#"[
            { "provider": "anthropic", "model": "claude-haiku-*", "input": 0.8, "output": "4" },
            { "provider": "anthropic", "model": "claude-*", "input": 3.0, "output": 15 },
            { "provider": "*", "model": "tiny", "input": 0.000001, "output": 0 }
        ]"#,
    )
}

#[test]
fn the_first_matching_price_counts() {
    let cost = |provider, model| table().cost(provider, model, 1_000, 100);
    assert_eq!(cost("anthropic", "claude-haiku-4"), Some(800 + 400));
    assert_eq!(cost("Anthropic", "Claude-Opus-4"), Some(3_000 + 1_500));
    assert_eq!(cost("openai", "claude-opus-4"), None);
    assert_eq!(cost("anthropic", "gpt"), None);
    assert_eq!(cost("", "tiny"), Some(0));
}

#[test]
fn zero_tokens_cost_zero_and_an_empty_price_table_gives_no_cost() {
    assert_eq!(table().cost("anthropic", "claude-3", 0, 0), Some(0));
    assert_eq!(Prices::default().cost("anthropic", "claude-3", 1, 1), None);
}

#[test]
fn a_cost_is_rounded_once_to_the_nearest_millionth() {
    let tiny = |input| table().cost("any", "tiny", input, 0);
    assert_eq!([tiny(499_999), tiny(500_000), tiny(1_499_999), tiny(1_500_000)], [Some(0), Some(1), Some(1), Some(2)]);
    // 0.4 and 0.4 are 0.8 together: the two are not rounded separately.
    let half = prices(r#"[{ "provider": "p", "model": "m", "input": 0.4, "output": 0.4 }]"#);
    assert_eq!(half.cost("p", "m", 1, 1), Some(1));
}

#[test]
fn a_cost_that_is_too_large_is_none() {
    let dear = prices(r#"[{ "provider": "p", "model": "m", "input": "18446744073709.551615", "output": 1 }]"#);
    assert_eq!(dear.cost("p", "m", u64::MAX, u64::MAX), None);
    let all = prices(
        r#"[{ "provider": "p", "model": "m", "input": "18446744073709.551615", "output": "18446744073709.551615" }]"#,
    );
    assert_eq!(all.cost("p", "m", u64::MAX, u64::MAX), None);
    let one = prices(r#"[{ "provider": "p", "model": "m", "input": 1, "output": 1 }]"#);
    assert_eq!(one.cost("p", "m", i64::MAX.unsigned_abs(), 0), Some(i64::MAX.unsigned_abs()));
    assert_eq!(one.cost("p", "m", i64::MAX.unsigned_abs(), 1), None);
}

#[test]
fn prices_are_read_as_they_are_written() {
    for (text, micros) in [("0", 0), ("3", 3_000_000), ("3.0", 3_000_000), ("0.075", 75_000), ("0.000001", 1)] {
        assert_eq!(text.parse::<Rate>().map(Rate::micros), Ok(micros), "{text}");
        assert_eq!(serde_json::from_str::<Rate>(text).map(Rate::micros).ok(), Some(micros), "{text}");
    }
    for text in ["", "-1", "+1", "1e3", "1.", ".5", "0.0000001", "NaN", "1,5", " 1", "18446744073709.551616"] {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
    for json in ["-1", "-0.5", "0.0000001", "1e30", "null", "true", "\"x\""] {
        assert!(serde_json::from_str::<Rate>(json).is_err(), "{json}");
    }
    let slip = r#"[{ "provider": "p", "model": "m", "input": 1, "ouput": 1 }]"#;
    assert!(serde_json::from_str::<Prices>(slip).is_err());
}

#[test]
fn a_star_is_any_text() {
    for (pattern, text) in [
        ("claude-*", "claude-sonnet-4"),
        ("claude-*", "claude-"),
        ("*", ""),
        ("*", "gpt"),
        ("*mini*", "gpt-4o-mini-2024"),
        ("*-mini", "a-mini-b-mini"),
        ("a*b*c", "a-b-b-c"),
        ("GPT-4o", "gpt-4O"),
        ("", ""),
        ("**", "x"),
    ] {
        assert!(fits(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [
        ("claude-*", "claude"),
        ("claude", "claude-3"),
        ("*-mini", "gpt-4o-mini-2024"),
        ("a*b", "a"),
        ("a*b*c", "a-c-b"),
        ("", "x"),
        ("claude-?", "claude-3"),
    ] {
        assert!(!fits(pattern, text), "{pattern} {text}");
    }
}

#[test]
fn many_stars_match_in_bounded_time() {
    assert!(!fits(&"a*".repeat(50), &format!("{}b", "a".repeat(49))));
}

#[test]
fn money_is_shown_with_its_significant_digits() {
    let shown = [0, 70, 12_300, 12_350, 990_000, 999_950, 1_234_567, 1_235_000].map(money);
    assert_eq!(shown, ["0.00", "0.00007", "0.0123", "0.0124", "0.9900", "1.00", "1.23", "1.24"]);
    assert!(money(u64::MAX).ends_with("709.55"));
}
