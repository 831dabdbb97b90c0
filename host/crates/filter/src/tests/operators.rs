//! Every operator against Odoo's meaning, as a table. `+` matches, `-` does not match.
//!
//! Every row is also checked with its negations: behind `!` and with the negative operator the result is the opposite.
//! That is Odoo's "is not true", which also matches unset fields.
//!
//! We differ from Odoo 19 where a record rule could mistake an operand for "no filter", or for another question:
//! - no entry has an empty text, so a search for one matches nothing. Odoo reads `('user', '=', '')` and `('user',
//!   '=like', '')` as "not set", and a rule made of an empty name would show entries without a user;
//! - `=` with an empty list, `in` with false, `<` and `like` with false or null are refused. Odoo reads them as "not
//!   set", false, false and true.

use super::*;

type Rows = &'static [(&'static str, &'static str, &'static str)];

/// Stored:  ab  AB  a%  (not set)
const TEXTS: Rows = &[
    // = finds the same text, to the letter.
    ("=", r#""ab""#, "+---"),
    ("=", r#""%""#, "----"),
    ("=", r#""""#, "----"),
    // False and null are "not set".
    ("=", "false", "---+"),
    ("=", "null", "---+"),
    // = with a list means `in`.
    ("=", r#"["ab","a%"]"#, "+-+-"),
    ("=", r#"["ab",false]"#, "+--+"),
    // in: one of the list; of none there is none, not even "not set".
    ("in", "[]", "----"),
    ("in", r#"["ab"]"#, "+---"),
    ("in", r#"["ab","AB","ab"]"#, "++--"),
    ("in", r#"[""]"#, "----"),
    ("in", "[false]", "---+"),
    ("in", "[null,false]", "---+"),
    ("in", r#"["AB",null]"#, "-+-+"),
    ("in", r#""ab""#, "+---"),
    // like: contains; the empty text is in everything, "not set" included.
    ("like", r#""""#, "++++"),
    ("like", r#""b""#, "+---"),
    ("like", r#""_b""#, "+---"),
    ("like", r#""a%""#, "+-+-"),
    ("like", r#""a\\%""#, "--+-"),
    ("like", r#""%""#, "+++-"),
    ("like", r#""\\""#, "----"),
    // ilike: in whatever case.
    ("ilike", r#""""#, "++++"),
    ("ilike", r#""B""#, "++--"),
    ("ilike", r#""x""#, "----"),
    // =like: the pattern as a whole.
    ("=like", r#""b""#, "----"),
    ("=like", r#""a_""#, "+-+-"),
    ("=like", r#""%""#, "+++-"),
    ("=like", r#""""#, "----"),
    ("=like", r#""a\\%""#, "--+-"),
    // =ilike: the same in whatever case.
    ("=ilike", r#""A_""#, "+++-"),
    ("=ilike", r#""AB""#, "++--"),
    ("=ilike", r#""""#, "----"),
    // =?: everything when the operand is empty, else =.
    ("=?", "false", "++++"),
    ("=?", "null", "++++"),
    ("=?", r#""""#, "++++"),
    ("=?", "[]", "++++"),
    ("=?", r#""ab""#, "+---"),
    // < and its kin: never what is not set.
    ("<", r#""ab""#, "-++-"),
    ("<=", r#""ab""#, "+++-"),
    (">", r#""AB""#, "+-+-"),
    (">=", r#""AB""#, "+++-"),
    (">", r#""""#, "+++-"),
    (">=", r#""""#, "+++-"),
    ("<", r#""""#, "----"),
];

/// Stored:  0  404  405  (not set)
const NUMBERS: Rows = &[
    ("=", "404", "-+--"),
    ("=", "-404", "----"),
    // Odoo has no numbers that are not set; ours is not 0.
    ("=", "0", "+---"),
    ("=", "false", "---+"),
    ("=", "[404,405]", "-++-"),
    ("in", "[]", "----"),
    ("in", "[404,null]", "-+-+"),
    ("=?", "0", "++++"),
    ("=?", "405", "--+-"),
    ("<", "405", "++--"),
    ("<=", "404", "++--"),
    (">", "404", "--+-"),
    (">=", "404", "-++-"),
    // At the ends: nothing is above, and whatever is set is at most this.
    (">", "9223372036854775807", "----"),
    ("<=", "9223372036854775807", "+++-"),
    ("<", "-9223372036854775808", "----"),
    (">=", "-9223372036854775808", "+++-"),
];

/// Stored:  the last moment of the 20th, the first and the last of the 21st, the first of the 22nd
const TIMES: Rows = &[
    // A date is that day.
    ("=", r#""2026-11-21""#, "-++-"),
    ("=", r#""today""#, "-++-"),
    ("=", r#""yesterday""#, "+---"),
    ("=", r#"["2026-11-20","2026-11-22"]"#, "+--+"),
    ("in", r#"["2026-11-21","2026-11-22T00:00:00Z"]"#, "-+++"),
    ("in", "[]", "----"),
    // > d is >= d + 1 day, and <= d is < d + 1 day.
    (">", r#""2026-11-21""#, "---+"),
    (">=", r#""2026-11-21""#, "-+++"),
    ("<", r#""2026-11-21""#, "+---"),
    ("<=", r#""2026-11-21""#, "+++-"),
    // A moment is that moment.
    ("=", r#""2026-11-21T00:00:00Z""#, "-+--"),
    ("=", r#""2026-11-21T01:00:00+01:00""#, "-+--"),
    (">", r#""2026-11-21T00:00:00Z""#, "--++"),
    (">=", r#""2026-11-21T00:00:00Z""#, "-+++"),
    ("<", r#""2026-11-21T00:00:00Z""#, "+---"),
    ("<=", r#""2026-11-21T00:00:00Z""#, "++--"),
    // Relative ones count from now, which is noon of the 21st.
    ("=", r#""now""#, "----"),
    (">", r#""-12h""#, "--++"),
    (">=", r#""-720m""#, "-+++"),
    ("<", r#""-43200s""#, "+---"),
    (">=", r#""-1d""#, "++++"),
    (">", r#""+1w""#, "----"),
    ("=", "null", "----"),
    ("=?", "null", "++++"),
];

/// Stored:  …01, …02, (not set)
const IDS: Rows = &[
    ("=", r#""00000000-0000-0000-0000-000000000001""#, "+--"),
    ("=", r#""00000000000000000000000000000002""#, "-+-"),
    ("in", "[null]", "--+"),
    (">", r#""00000000-0000-0000-0000-000000000001""#, "-+-"),
    (">=", r#""00000000-0000-0000-0000-000000000001""#, "++-"),
    ("<", r#""00000000-0000-0000-0000-000000000002""#, "+--"),
    ("<=", r#""00000000-0000-0000-0000-000000000002""#, "++-"),
    ("<=", r#""ffffffff-ffff-ffff-ffff-ffffffffffff""#, "++-"),
    (">", r#""ffffffff-ffff-ffff-ffff-ffffffffffff""#, "---"),
];

/// The negative operator of a positive one.
fn negative(operator: &str) -> Option<String> {
    let negative = if operator == "=" { "!=".to_owned() } else { format!("not {operator}") };
    Comparison::parse(&negative).map(|_| negative)
}

fn check(field: &str, stored: &[Entry], rows: Rows) {
    for (operator, operand, expected) in rows {
        let term = |operator: &str| format!(r#"["{field}","{operator}",{operand}]"#);
        let found = |domain: &str| -> String {
            let domain = json(domain);
            stored.iter().map(|entry| if domain.matches(entry) { '+' } else { '-' }).collect()
        };
        let turned: String = expected.chars().map(|sign| if sign == '+' { '-' } else { '+' }).collect();
        assert_eq!(found(&format!("[{}]", term(operator))), *expected, "{}", term(operator));
        assert_eq!(found(&format!(r#"["!",{}]"#, term(operator))), turned, "! {}", term(operator));
        if let Some(negative) = negative(operator) {
            assert_eq!(found(&format!("[{}]", term(&negative))), turned, "{}", term(&negative));
        }
    }
}

#[test]
fn operators_on_texts() {
    let tool = |text: &str| with(&[(Field::Tool, text)]);
    check("tool", &[tool("ab"), tool("AB"), tool("a%"), entry()], TEXTS);
}

#[test]
fn operators_on_numbers() {
    let status = |status_code| {
        let mut entry = entry();
        entry.status_code = status_code;
        entry
    };
    check("status_code", &[status(Some(0)), status(Some(404)), status(Some(405)), status(None)], NUMBERS);
}

#[test]
fn operators_on_times() {
    let at = |time: &str| Entry::new(Uuid::nil(), Timestamp::parse(time).expect("a time"), now());
    let stored = ["2026-11-20T23:59:59.999999Z", "2026-11-21", "2026-11-21T23:59:59.999999Z", "2026-11-22"].map(at);
    check("occurred_at", &stored, TIMES);
    check("at", &stored, TIMES);
}

#[test]
fn operators_on_ids() {
    let parent = |number: Option<u128>| {
        let mut entry = entry();
        entry.parent = number.map(Uuid::from_u128);
        entry
    };
    check("parent", &[parent(Some(1)), parent(Some(2)), parent(None)], IDS);
}

#[test]
fn every_operator_has_rows() {
    let rows = || TEXTS.iter().chain(NUMBERS).chain(TIMES).chain(IDS).map(|(operator, _, _)| *operator);
    for (spelling, _) in Comparison::SPELLINGS {
        let checked = rows().any(|row| row == *spelling || negative(row).as_deref() == Some(spelling));
        assert!(checked, "{spelling}");
    }
}

/// Stored: tool is "a", user is not set.
#[test]
fn operators_put_terms_together() {
    let stored = with(&[(Field::Tool, "a")]);
    let (yes, no) = (r#"["tool","=","a"]"#, r#"["user","=","a"]"#);
    for (domain, expected) in [
        // Nothing is no condition.
        ("".to_owned(), true),
        (r#"[1,"=",1]"#.to_owned(), true),
        (r#"[0,"=",1]"#.to_owned(), false),
        // What is left over is ANDed.
        (format!("{yes},{yes}"), true),
        (format!("{yes},{no}"), false),
        // & and | take two, ! takes one, in prefix notation.
        (format!(r#""&",{yes},{no}"#), false),
        (format!(r#""|",{yes},{no}"#), true),
        (format!(r#""|",{no},{no}"#), false),
        (format!(r#""!",{no}"#), true),
        (format!(r#""!",{no},{no}"#), false),
        (format!(r#""!","!",{yes}"#), true),
        (format!(r#""!","|",{yes},{no}"#), false),
        (format!(r#""|",{no},"&",{yes},{yes}"#), true),
        (format!(r#""|","&",{yes},{no},"!",{no}"#), true),
        (format!(r#""|","|",{no},{no},{yes},{no}"#), false),
        (format!(r#""|",{no},[1,"=",1]"#), true),
        (format!(r#""&",{yes},[0,"=",1]"#), false),
    ] {
        assert_eq!(json(&format!("[{domain}]")).matches(&stored), expected, "{domain}");
    }
}
