//! Arguments of tools as the parameters of the API, so that the API's own code reads them.

use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time_zone::TimeZone;
use rmcp::model::JsonObject;
use serde_json::{Value as Json, json};

use crate::problem::Problem;
use crate::query::columns;
use crate::query::search::{self, Pairs, ZONE, single, values};
use crate::session::auth::Visitor;
use crate::session::times;

/// Conditions on fields, as one object.
const WHERE: &str = "where";
/// The query string of a result.
const QUERY: &str = "query";
/// Whether the entries about questions such as this one are found too.
const WITH_QUESTIONS: &str = "include_questions";
/// Names of the fields in the result.
const FIELDS: &str = "fields";

/// The arguments of a call, as the API's parameters.
pub(super) struct Arguments(pub(super) Pairs);

impl Arguments {
    /// Reads them. Their names are checked where their values are.
    pub(super) fn read(arguments: &JsonObject) -> Result<Self, Problem> {
        let (mut pairs, mut link) = (Pairs::new(), Pairs::new());
        for (name, value) in arguments {
            match (name.as_str(), value) {
                (WHERE, Json::Object(fields)) => {
                    for (field, value) in fields {
                        let is_field = search::is_field(field);
                        push(&mut pairs, field, value, !is_field)?;
                    }
                }
                (WHERE, _) => {
                    return Err(wrong(WHERE, "give an object of fields and values, such as {\"tool\": \"search\"}"));
                }
                (QUERY, Json::String(query)) => link = search::pairs(query)?,
                ("domain", Json::Array(_)) => pairs.push((name.clone(), value.to_string())),
                _ => push(&mut pairs, name, value, false)?,
            }
        }
        // An argument takes the place of what the link says.
        link.retain(|(name, _)| pairs.iter().all(|(given, _)| given != name));
        link.append(&mut pairs);
        Ok(Self(link))
    }

    /// Takes an argument that is no parameter of the API.
    fn take(&mut self, name: &str) -> Vec<String> {
        let (taken, kept) = std::mem::take(&mut self.0).into_iter().partition(|(other, _)| other == name);
        self.0 = kept;
        let taken: Pairs = taken;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    /// Takes an argument that must be true or false; false if it is absent.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Problem> {
        match self.take(name).as_slice() {
            [] => Ok(false),
            [value] if value == "true" => Ok(true),
            [value] if value == "false" => Ok(false),
            _ => Err(wrong(name, "give true or false")),
        }
    }

    /// Takes an argument that must be one text.
    pub(super) fn text(&mut self, name: &str, advice: &str) -> Result<String, Problem> {
        match self.take(name).as_slice() {
            [text] if !text.is_empty() => Ok(text.clone()),
            _ => Err(wrong(name, advice)),
        }
    }

    /// Takes an argument that may be one text.
    pub(super) fn optional(&mut self, name: &str) -> Result<Option<String>, Problem> {
        match self.take(name).as_slice() {
            [] => Ok(None),
            [text] => Ok(Some(text.clone())),
            _ => Err(wrong(name, "give it only once")),
        }
    }

    /// Takes the names of the fields that the result should have; `None` stands for the usual ones.
    pub(super) fn fields(&mut self) -> Result<Option<Vec<Field>>, Problem> {
        let names = self.take(FIELDS);
        if names.is_empty() {
            return Ok(None);
        }
        if names.iter().any(|name| name == "all") {
            return Ok(Some(Field::ALL.to_vec()));
        }
        let field = |name: &String| {
            Field::parse(name).ok_or_else(|| {
                let quoted = search::short(name);
                wrong(FIELDS, &format!("there is no field {quoted}; describe_fields lists them, and \"all\" means all"))
            })
        };
        names.iter().map(field).collect::<Result<Vec<_>, _>>().map(Some)
    }

    /// A limit, if there is none.
    pub(super) fn limit_to(&mut self, limit: usize) {
        if values(&self.0, "limit").next().is_none() {
            self.0.push(("limit".to_owned(), limit.to_string()));
        }
    }

    /// Leaves out the entries about questions like this one, unless they are asked for: else each question would be in the
    /// answer of the next one.
    pub(super) fn leave_out_questions(&mut self) -> Result<(), Problem> {
        if self.flag(WITH_QUESTIONS)? {
            return Ok(());
        }
        let term = json!(["action", "!=", mcp_audit_log_service::ASKED]);
        let Some((_, domain)) = self.0.iter_mut().find(|(name, _)| name == "domain") else {
            self.0.push(("domain".to_owned(), json!([term]).to_string()));
            return Ok(());
        };
        // In front, so that an operator that lacks its operand still lacks it. What cannot be read stays as it is: the
        // search explains what is wrong with it.
        match serde_json::from_str(domain) {
            Ok(Json::Array(terms)) if !terms.is_empty() => {
                *domain = Json::Array([json!("&"), term].into_iter().chain(terms).collect()).to_string();
            }
            Ok(Json::Array(_)) => *domain = json!([term]).to_string(),
            _ => {}
        }
        Ok(())
    }

    /// The visitor, whose days are those of the argument `tz`.
    pub(super) fn zoned(&self, visitor: Visitor) -> Result<Visitor, Problem> {
        let Some(name) = single(&self.0, ZONE)? else { return Ok(visitor) };
        TimeZone::parse(name).map(|zone| visitor.in_zone(zone)).ok_or_else(|| times::unknown(name))
    }

    /// Refuses arguments that are left.
    pub(super) fn end(self, known: &[&str]) -> Result<(), Problem> {
        search::refuse_others(&self.0, || known.iter().copied())
    }

    /// Columns and their counts are for pages.
    pub(super) fn without_columns(self) -> Result<Pairs, Problem> {
        match single(&self.0, columns::PARAMETER)? {
            Some(_) => Err(wrong(columns::PARAMETER, "leave it out, and name fields in \"fields\"")),
            None => Ok(self.0),
        }
    }
}

/// Adds the values of an argument. `is_unknown` is true for a name that is no field.
fn push(pairs: &mut Pairs, name: &str, value: &Json, is_unknown: bool) -> Result<(), Problem> {
    if is_unknown {
        let name = search::short(name);
        return Err(wrong(WHERE, &format!("there is no field {name} to compare; describe_fields lists them")));
    }
    let mut add = |value: String| pairs.push((name.to_owned(), value));
    match value {
        Json::Null => {}
        Json::String(text) => add(text.clone()),
        Json::Bool(_) | Json::Number(_) => add(value.to_string()),
        Json::Array(values) => {
            for value in values {
                match value {
                    Json::String(text) => add(text.clone()),
                    Json::Bool(_) | Json::Number(_) => add(value.to_string()),
                    _ => return Err(wrong(name, "give texts or numbers in the list")),
                }
            }
        }
        Json::Object(_) => return Err(wrong(name, "give a text, a number or a list of them")),
    }
    Ok(())
}

fn wrong(name: &str, advice: &str) -> Problem {
    Problem::parameter(name, format!("{name}: {advice}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: Json) -> Result<String, String> {
        let arguments = Arguments::read(arguments.as_object().expect("an object"));
        let arguments = arguments.and_then(|mut arguments| {
            arguments.leave_out_questions()?;
            Ok(search::query_of(&arguments.0)
                .replace("%5B%5B%22action%22%2C%22%21%3D%22%2C%22log.asked%22%5D%5D", "NEW"))
        });
        arguments.map_err(|problem| problem.detail().to_owned())
    }

    #[test]
    fn arguments_are_the_parameters_of_the_api() {
        let where_ = json!({ "where": { "tool": ["a", "b"], "status_code": 500 }, "limit": 7, "q": null });
        assert_eq!(read(where_).as_deref(), Ok("?tool=a&tool=b&status_code=500&limit=7&domain=NEW"));
        let link = json!({ "query": "?tool=a%20b&from=-1h", "include_questions": true });
        assert_eq!(read(link).as_deref(), Ok("?tool=a%20b&from=-1h"));
        let narrowed = json!({ "query": "?tool=a&by=user", "by": ["tool"], "include_questions": true });
        assert_eq!(read(narrowed).as_deref(), Ok("?tool=a&by=tool"), "an argument takes the place of the link's");
        let operators = read(json!({ "domain": ["|", ["tool", "=", "a"]] })).expect("a domain");
        let Ok(operators) = search::pairs(&operators) else { panic!("no pairs") };
        let first = r#"["&",["action","!=","log.asked"],"|",["tool","=","a"]]"#;
        assert_eq!(operators, [("domain".to_owned(), first.to_owned())], "the operand that lacks still lacks");
        assert_eq!(read(json!({ "user": "@me" })).as_deref(), Ok("?user=%40me&domain=NEW"), "a field by itself");
    }

    #[test]
    fn an_argument_of_another_type_is_refused_with_advice() {
        for (arguments, advice) in [
            (json!({ "where": "tool=a" }), "where: give an object"),
            (json!({ "where": { "limit": 7 } }), "where: there is no field \"limit\""),
            (json!({ "q": {} }), "q: give a text"),
            (json!({ "filter": [["a"]] }), "filter: give texts or numbers"),
            (json!({ "include_questions": "perhaps" }), "include_questions: give true or false"),
        ] {
            let refused = read(arguments).expect_err("a refusal");
            assert!(refused.starts_with(advice), "{refused}");
        }
    }
}
