//! One operation of the document, while its inputs and outputs describe themselves.

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde_json::{Map, Value as Json, json};

use super::schemas::Schemas;
use crate::problem::{Kind, PROBLEM_JSON, Problem};

/// An operation, and the schemas that it shares with the others.
pub(crate) struct Operation<'a> {
    method: &'static str,
    path: &'a str,
    schemas: &'a mut Schemas,
    signed_in: bool,
    parameters: Vec<Json>,
    body: Option<Json>,
    answers: Vec<(StatusCode, Json)>,
    refusals: Vec<Kind>,
}

impl<'a> Operation<'a> {
    pub(crate) fn new(method: &'static str, path: &'a str, schemas: &'a mut Schemas) -> Self {
        let (parameters, answers, refusals) = Default::default();
        Self { method, path, schemas, signed_in: false, parameters, body: None, answers, refusals }
    }

    /// Whether it may change something.
    pub(crate) fn changes(&self) -> bool {
        self.method != "get"
    }

    /// The operation needs a sign-in.
    pub(crate) fn signed_in(&mut self) {
        self.signed_in = true;
    }

    /// A parameter of the query.
    pub(crate) fn query(&mut self, name: &str, description: impl Into<String>, schema: Json) {
        let parameter = json!({ "name": name, "in": "query", "description": description.into(), "schema": schema });
        self.parameters.push(parameter);
    }

    /// A required parameter of the query.
    pub(crate) fn required_query(&mut self, name: &str, description: &str, schema: Json) {
        self.query(name, description, schema);
        self.parameters.last_mut().into_iter().for_each(|parameter| parameter["required"] = true.into());
    }

    /// A header.
    pub(crate) fn header(&mut self, name: &str, description: &str, schema: Json) {
        self.parameters.push(json!({ "name": name, "in": "header", "description": description, "schema": schema }));
    }

    /// The one parameter in the path.
    pub(crate) fn segment(&mut self, description: &str, schema: Json) {
        let name = self.path.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(name, _)| name);
        self.parameters.push(
            json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema }),
        );
    }

    /// A JSON body, with an example.
    pub(crate) fn body<T: JsonSchema>(&mut self, example: &str) {
        let example = serde_json::from_str::<Json>(example).unwrap_or_default();
        let content = json!({ "application/json": { "schema": self.schemas.read::<T>(), "example": example } });
        self.body = Some(json!({ "required": true, "content": content }));
    }

    /// The same body in another media type.
    pub(crate) fn body_in(&mut self, media: &str, schema: Json, example: Json) {
        let body = self.body.get_or_insert_with(|| json!({ "required": true, "content": {} }));
        body["content"][media] = json!({ "schema": schema, "example": example });
    }

    /// An answer of JSON.
    pub(crate) fn json<T: JsonSchema>(&mut self, status: StatusCode) {
        let schema = self.schemas.written::<T>();
        self.answer(status, "application/json", schema);
    }

    /// An answer of any type.
    pub(crate) fn answer(&mut self, status: StatusCode, media: &str, schema: Json) {
        let content = json!({ media: { "schema": schema } });
        self.answers.push((status, json!({ "description": name(status), "content": content })));
    }

    /// An answer that is a file of one of these types, to download.
    pub(crate) fn saved<const N: usize>(&mut self, status: StatusCode, kinds: [(&str, Json); N]) {
        let content = kinds.into_iter().map(|(media, schema)| (media.to_owned(), json!({ "schema": schema })));
        let text = json!({ "type": "string" });
        let headers = json!({ "Content-Disposition": { "description": "The file's name.", "schema": text } });
        let content: Map<_, _> = content.collect();
        self.answers.push((status, json!({ "description": name(status), "headers": headers, "content": content })));
    }

    /// The same for an export, which has a manifest.
    pub(crate) fn file<const N: usize>(&mut self, status: StatusCode, kinds: [(&str, Json); N]) {
        self.saved(status, kinds);
        let link = json!({
            "description": "With `rel=\"describedby\"`: the export's manifest.", "schema": { "type": "string" }
        });
        self.answers.last_mut().into_iter().for_each(|(_, answer)| answer["headers"]["Link"] = link.clone());
    }

    /// The last answer, in another media type.
    pub(crate) fn also_in(&mut self, media: &str, schema: Json) {
        self.answers
            .last_mut()
            .into_iter()
            .for_each(|(_, answer)| answer["content"][media] = json!({ "schema": schema }));
    }

    /// A problem with more members than others.
    pub(crate) fn problem<T: JsonSchema>(&mut self, (status, _, title): Kind) {
        let content = json!({ PROBLEM_JSON: { "schema": self.schemas.written::<T>() } });
        self.answers.push((status, json!({ "description": title, "content": content })));
    }

    /// An answer without a body.
    pub(crate) fn nothing(&mut self, status: StatusCode) {
        self.answers.push((status, json!({ "description": name(status) })));
    }

    /// A problem that the operation may return.
    pub(crate) fn refuses(&mut self, kind: Kind) {
        if !self.refusals.contains(&kind) {
            self.refusals.push(kind);
        }
    }

    /// All of it.
    pub(crate) fn finish(mut self, name: &str, summary: &str) -> Json {
        // The server returns these before it looks for a route, without a body.
        self.nothing(StatusCode::URI_TOO_LONG);
        self.nothing(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        let responses = self.responses();
        let mut json = Map::new();
        json.insert("operationId".to_owned(), name.into());
        json.insert("summary".to_owned(), summary.into());
        if !self.parameters.is_empty() {
            json.insert("parameters".to_owned(), self.parameters.into());
        }
        json.extend(self.body.map(|body| ("requestBody".to_owned(), body)));
        json.insert("responses".to_owned(), responses);
        let security = if self.signed_in { json!([{ "token": [] }, { "session": [] }]) } else { json!([]) };
        json.insert("security".to_owned(), security);
        json.into()
    }

    fn responses(&mut self) -> Json {
        let problem = self.schemas.written::<Problem>();
        let mut statuses: Vec<_> = self.refusals.iter().map(|(status, ..)| *status).collect();
        statuses.sort_unstable();
        statuses.dedup();
        for status in statuses {
            let kinds: Vec<_> = self.refusals.iter().filter(|kind| kind.0 == status).map(|kind| kind.2).collect();
            let content = json!({ PROBLEM_JSON: { "schema": problem } });
            let mut response = json!({ "description": kinds.join("; "), "content": content });
            if let Some((header, description)) = header(status) {
                let schema = json!({ "type": "string" });
                response["headers"] = json!({ header: { "description": description, "schema": schema } });
            }
            self.answers.push((status, response));
        }
        self.answers.sort_by_key(|(status, _)| *status);
        self.answers.drain(..).map(|(status, json)| (status.as_str().to_owned(), json)).collect::<Map<_, _>>().into()
    }
}

fn name(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or_default()
}

/// The header that a problem of this status has.
fn header(status: StatusCode) -> Option<(&'static str, &'static str)> {
    match status {
        StatusCode::UNAUTHORIZED => Some(("WWW-Authenticate", "The authentication scheme.")),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Some((
            "Retry-After",
            "Seconds until a \
                                                                                                 retry makes sense.",
        )),
        _ => None,
    }
}
