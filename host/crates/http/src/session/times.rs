//! How a viewer sees times: their zone, and whether lists show how long ago or exactly when. A cookie keeps it, so that
//! the server renders it; it is no secret, and the script sets it where there is none.

use axum::extract::Query;
use axum::http::HeaderMap;
use axum::http::Uri;
use axum::http::header::COOKIE;
use mcp_audit_log_model::format::prefix;
use mcp_audit_log_model::time_zone::TimeZone;

use crate::problem::Problem;
use crate::site::Site;

/// The cookie. The script has its name too.
const NAME: &str = "mcp-audit-log-times";
/// Appended to the zone by viewers who see exact times.
const EXACT: &str = "~exact";
/// The length up to which an error quotes a name, in characters.
const SHOWN: usize = 60;
/// The lifetime of the cookie in seconds.
const LASTS: u32 = 365 * 86_400;

/// What a viewer chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimePreferences {
    pub(crate) zone: TimeZone,
    /// Whether lists show exact times.
    pub(crate) is_exact: bool,
}

impl TimePreferences {
    /// What a request's cookie says; the default if there is none, or an odd one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut values = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        let value = values.find(|(name, _)| *name == NAME).map(|(_, value)| value);
        value.and_then(Self::parse).unwrap_or_default()
    }

    fn parse(value: &str) -> Option<Self> {
        let (zone, is_exact) = value.strip_suffix(EXACT).map_or((value, false), |zone| (zone, true));
        Some(Self { zone: TimeZone::parse(zone)?, is_exact })
    }

    /// The `Set-Cookie` header that keeps it.
    pub(crate) fn set_cookie(self, site: &Site) -> String {
        let (zone, exact) = (self.zone.name(), if self.is_exact { EXACT } else { "" });
        let secure = if site.https { "; Secure" } else { "" };
        format!("{NAME}={zone}{exact}; Path={}; Max-Age={LASTS}; SameSite=Lax{secure}", site.home())
    }
}

/// The zone that an address names, if it names one.
pub(crate) fn named(uri: &Uri) -> Result<Option<TimeZone>, Problem> {
    // Nearly no address names one. What is wrong with the whole query is said by the one who reads it.
    let named = uri.query().filter(|query| query.contains(TimeZone::PARAMETER));
    let pairs = named.and_then(|_| Query::<Vec<(String, String)>>::try_from_uri(uri).ok());
    let Query(pairs) = pairs.unwrap_or_default();
    let mut names = pairs.iter().filter(|(name, value)| name == TimeZone::PARAMETER && !value.is_empty());
    match (names.next(), names.next()) {
        (None, _) => Ok(None),
        (Some((_, name)), None) => TimeZone::parse(name).map(Some).ok_or_else(|| unknown(name)),
        _ => Err(Problem::parameter(TimeZone::PARAMETER, format!("{}: give it only once.", TimeZone::PARAMETER))),
    }
}

/// The problem of a name that is no zone's.
pub(crate) fn unknown(name: &str) -> Problem {
    let (parameter, name) = (TimeZone::PARAMETER, serde_json::Value::from(prefix(name, SHOWN)));
    Problem::parameter(
        parameter,
        format!("{parameter}: {name} is not a time zone; use a name such as Europe/Vienna or UTC."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_keeps_zone_and_form() {
        let read = |line: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, line.parse().expect("a header"));
            TimePreferences::of(&headers)
        };
        let vienna = TimeZone::parse("Europe/Vienna").expect("a zone");
        assert_eq!(
            read("a=b; mcp-audit-log-times=Europe/Vienna~exact"),
            TimePreferences { zone: vienna, is_exact: true }
        );
        assert_eq!(read("mcp-audit-log-times=Europe/Vienna"), TimePreferences { zone: vienna, is_exact: false });
        for odd in ["", "mcp-audit-log-times=", "mcp-audit-log-times=Mars", "mcp-audit-log-times=~exact", "times=UTC"] {
            assert_eq!(read(odd), TimePreferences::default(), "{odd}");
        }
    }

    #[test]
    fn an_address_names_a_zone() {
        let read =
            |text: &str| named(&text.parse().expect("an address")).map_err(|problem| problem.detail().to_owned());
        assert_eq!(read("/?tz=Asia%2FTokyo&q=x"), Ok(TimeZone::parse("Asia/Tokyo")));
        assert_eq!([read("/"), read("/?tz="), read("/?q=tz")], [Ok(None), Ok(None), Ok(None)]);
        assert_eq!(
            read("/?tz=Mars"),
            Err("tz: \"Mars\" is not a time zone; use a name such as Europe/Vienna or UTC.".to_owned())
        );
    }
}
