//! Columns in a URL: the fields of each entry on the log's page. The API accepts the parameter but always returns every
//! field, so that an address of the page also works for the API.

use mcp_audit_log_model::field::Field;

use super::search::{Pairs, short, values};
use crate::problem::Problem;

/// The parameter: names separated by commas, or the parameter several times.
pub(crate) const PARAMETER: &str = "columns";

/// A column of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// How long ago it began.
    Time,
    /// The object that the method was applied to, from any field that holds one.
    Target,
    /// A field.
    Field(Field),
}

/// The default columns.
pub(crate) const USUAL: [Column; 8] = [
    Column::Time,
    Column::Field(Field::Outcome),
    Column::Field(Field::Method),
    Column::Target,
    Column::Field(Field::Server),
    Column::Field(Field::User),
    Column::Field(Field::Connection),
    Column::Field(Field::DurationUs),
];

/// The fields that may hold the object of a method. The first one that is set is shown.
pub(crate) const TARGETS: [Field; 6] =
    [Field::Tool, Field::Prompt, Field::ResourceUri, Field::ResourceName, Field::ResourceId, Field::Path];

impl Column {
    /// The fields that it shows.
    pub(crate) fn fields(&self) -> &[Field] {
        match self {
            Self::Time => &[Field::OccurredAt],
            Self::Target => &TARGETS,
            Self::Field(field) => std::slice::from_ref(field),
        }
    }

    /// Its name in a URL.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Target => "target",
            Self::Field(field) => field.name(),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        match name {
            "time" => Some(Self::Time),
            "target" => Some(Self::Target),
            _ => Field::ALL.iter().copied().find(|field| field.name() == name).map(Self::Field),
        }
    }
}

/// The columns in these parameters, each once and in their order. The time is always included, because it identifies a
/// row and links to its entry.
pub(crate) fn parse(pairs: &[(String, String)]) -> Result<Vec<Column>, Problem> {
    let mut columns = Vec::new();
    for name in values(pairs, PARAMETER).flat_map(|value| value.split(',')).map(str::trim).filter(|n| !n.is_empty()) {
        let column = Column::parse(name).ok_or_else(|| unknown(name))?;
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    if columns.is_empty() {
        return Ok(USUAL.to_vec());
    }
    let exact = Column::Field(Field::OccurredAt);
    let time = if columns.contains(&exact) { exact } else { Column::Time };
    columns.retain(|column| *column != exact && *column != Column::Time);
    columns.insert(0, time);
    Ok(columns)
}

/// The same columns with the exact time, for viewers who prefer it.
pub(crate) fn exact(columns: &[Column]) -> Vec<Column> {
    let exact = |column: &Column| if *column == Column::Time { Column::Field(Field::OccurredAt) } else { *column };
    columns.iter().map(exact).collect()
}

/// The parameters with their columns in one value, or without columns if they are the default.
pub(crate) fn tidied(mut pairs: Pairs) -> Pairs {
    let at = pairs.iter().position(|(name, _)| name == PARAMETER);
    let (Some(at), Ok(columns)) = (at, parse(&pairs)) else { return pairs };
    pairs.retain(|(name, _)| name != PARAMETER);
    if columns != USUAL {
        let names: Vec<_> = columns.iter().map(|column| column.name()).collect();
        pairs.insert(at, (PARAMETER.to_owned(), names.join(",")));
    }
    pairs
}

/// The names of all columns.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    [Column::Time.name(), Column::Target.name()].into_iter().chain(Field::ALL.iter().map(|field| field.name()))
}

fn unknown(name: &str) -> Problem {
    let names: Vec<_> = names().collect();
    Problem::parameter(PARAMETER, format!("columns: unknown column {}; use one of: {}.", short(name), names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(values: &[&str]) -> String {
        let pairs: Pairs = values.iter().map(|value| (PARAMETER.to_owned(), (*value).to_owned())).collect();
        let columns = parse(&pairs).map_err(|problem| problem.detail().to_owned());
        columns.map_or_else(|detail| detail, |columns| columns.iter().map(|c| c.name()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_time_is_first_and_each_column_occurs_once() {
        assert_eq!(names(&[]), "time outcome method target server user connection duration_us");
        assert_eq!(names(&["tool,user", "tool"]), "time tool user");
        assert_eq!(names(&["tool", "time", "occurred_at"]), "occurred_at tool");
        assert!(names(&["tool,tol"]).starts_with("columns: unknown column \"tol\"; use one of: time, target, seq"));
    }

    #[test]
    fn an_address_has_columns_in_one_value_and_omits_the_default() {
        let of = |values: &[&str]| tidied(values.iter().map(|v| (PARAMETER.to_owned(), (*v).to_owned())).collect());
        assert_eq!(of(&["tool", "user"]), [(PARAMETER.to_owned(), "time,tool,user".to_owned())]);
        assert_eq!(of(&["time,outcome,method,target", "server,user,connection,duration_us"]), []);
        assert_eq!(of(&["x"]), [(PARAMETER.to_owned(), "x".to_owned())]);
    }
}
