//! Odoo's spellings of a comparison.

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `in`
    In,
    /// `not in`
    NotIn,
    /// `like`: contains, with the same case.
    Like,
    /// `not like`
    NotLike,
    /// `ilike`: contains, ignoring case.
    Ilike,
    /// `not ilike`
    NotIlike,
    /// `=like`: matches the whole pattern.
    EqualLike,
    /// `not =like`
    NotEqualLike,
    /// `=ilike`
    EqualIlike,
    /// `not =ilike`
    NotEqualIlike,
    /// `=?`: true if the operand is empty, otherwise the same as `=`.
    EqualIfSet,
}

impl Comparison {
    /// Every comparison with its spelling.
    pub(super) const SPELLINGS: &'static [(&'static str, Self)] = &[
        ("=", Self::Equal),
        ("!=", Self::NotEqual),
        ("<", Self::Less),
        ("<=", Self::LessOrEqual),
        (">", Self::Greater),
        (">=", Self::GreaterOrEqual),
        ("in", Self::In),
        ("not in", Self::NotIn),
        ("like", Self::Like),
        ("not like", Self::NotLike),
        ("ilike", Self::Ilike),
        ("not ilike", Self::NotIlike),
        ("=like", Self::EqualLike),
        ("not =like", Self::NotEqualLike),
        ("=ilike", Self::EqualIlike),
        ("not =ilike", Self::NotEqualIlike),
        ("=?", Self::EqualIfSet),
    ];

    /// The comparison with the spelling `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::SPELLINGS.iter().find(|(spelling, _)| *spelling == text).map(|(_, comparison)| *comparison)
    }

    /// Its spelling.
    pub fn as_str(self) -> &'static str {
        Self::SPELLINGS.iter().find(|(_, comparison)| *comparison == self).map_or("=", |(spelling, _)| spelling)
    }

    /// The positive comparison that this one negates.
    pub(super) fn negates(self) -> Option<Self> {
        Some(match self {
            Self::NotEqual => Self::Equal,
            Self::NotIn => Self::In,
            Self::NotLike => Self::Like,
            Self::NotIlike => Self::Ilike,
            Self::NotEqualLike => Self::EqualLike,
            Self::NotEqualIlike => Self::EqualIlike,
            _ => return None,
        })
    }
}
