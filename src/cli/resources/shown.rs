//! What is shown of the settings of a resource: where it is, and nothing that is secret.

use serde_json::Value;

/// The settings that are shown, where they are given. No other may be: it could be a password.
const SHOWN: [&str; 17] = [
    "backend",
    "provider",
    "model",
    "url",
    "connection",
    "connection_string",
    "base_url",
    "endpoint",
    "host",
    "port",
    "database",
    "region",
    "bucket",
    "prefix",
    "base_path",
    "folder",
    "path",
];

/// The settings as they are written, without what may be secret: `backend = postgresql`, `url = postgres://db/notes`.
pub(super) fn settings(written: &Value) -> Vec<(&'static str, String)> {
    let told = SHOWN.into_iter().filter_map(|name| {
        let value = match written.get(name)? {
            Value::String(text) => without_secrets(text),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some((name, value))
    });
    told.collect()
}

/// The text without the user, the password, the query and the fragment, where it is a URL. `${NAME}` stays as it is
/// written.
///
/// The parts are those of RFC 3986, section 3. A password that was written with signs that end the authority would leave
/// its rest behind the `@`: of such a text the scheme alone is shown.
fn without_secrets(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        if text.contains('@') && !text.starts_with(['/', '.']) {
            return "...".to_owned();
        }
        // An opaque one, such as `sqlite:notes.db?key=...`, and a path.
        return text.split(['?', '#']).next().unwrap_or_default().to_owned();
    };
    let (authority, more) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if more.contains('@') {
        return format!("{scheme}://...");
    }
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = more.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_url_is_shown_without_user_password_query_and_fragment() {
        for (written, shown) in [
            (
                "postgres://me:secret@db.example:5432/notes?sslmode=require&password=secret",
                "postgres://db.example:5432/notes",
            ),
            ("https://api.example/v1", "https://api.example/v1"),
            ("https://secret@api.example", "https://api.example"),
            ("https://api.example?key=secret", "https://api.example"),
            ("https://api.example/v1#secret", "https://api.example/v1"),
            ("postgres://me:${PASSWORD}@${HOST}/notes", "postgres://${HOST}/notes"),
            ("${NOTES_URL}", "${NOTES_URL}"),
            ("sqlite:notes.db?key=secret", "sqlite:notes.db"),
            ("/srv/notes@home", "/srv/notes@home"),
            ("me:secret@tcp(db:3306)/notes", "..."),
            // What was to be escaped and was not: nothing of it is shown.
            ("postgres://me:sec/ret@db/notes", "postgres://..."),
            ("postgres://me:sec?ret@db/notes", "postgres://..."),
            ("postgres://me:sec#ret@db/notes", "postgres://..."),
            ("postgres://me:sec@ret@db/notes", "postgres://db/notes"),
            ("https://api.example/v1?mail=a@secret", "https://..."),
            ("://", "://"),
        ] {
            assert_eq!(without_secrets(written), shown, "{written}");
        }
    }

    #[test]
    fn a_setting_that_is_not_known_to_be_harmless_is_not_shown() {
        let written = json!({
            "backend": "postgresql", "host": "db", "port": 5432, "user": "me", "password": "secret",
            "headers": { "authorization": "secret" }, "api_key": "secret", "url": ["secret"],
        });
        let shown = [("backend", "postgresql".to_owned()), ("host", "db".to_owned()), ("port", "5432".to_owned())];
        assert_eq!(settings(&written), shown);
        assert!(settings(&json!("secret")).is_empty());
    }
}
