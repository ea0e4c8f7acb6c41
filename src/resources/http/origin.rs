//! Where the requests of a resource may go: to its `base_url`, to hosts that it names, or, where it names none, anywhere
//! public.

use url::{Host, Url};

use crate::resilience::Fault;

/// A host that requests may go to beside `base_url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRule {
    /// In lower case, as URLs have it.
    host: String,
    /// The hosts below it, and not itself.
    is_wildcard: bool,
    /// That of the scheme where nothing is said.
    port: Option<u16>,
}

impl HostRule {
    /// Reads `example.org`, `example.org:8443`, `*.example.org`, `[2001:db8::1]`.
    ///
    /// # Errors
    /// What is wrong: a fragment.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no host: it is `example.org`, `example.org:8443` or `*.example.org`");
        let (is_wildcard, rest) = text.strip_prefix("*.").map_or((false, text), |rest| (true, rest));
        // The library reads names and addresses as it does in the URLs that are compared with this; of a scheme that it
        // knows no port of, the port that is written is the port it tells.
        let url = Url::parse(&format!("http://{rest}/")).map_err(|_| wrong())?;
        let port = rest.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).filter(|_| !rest.ends_with(']'));
        let is_host = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && !has_user(&url);
        let host = url.host_str().filter(|_| is_host && !rest.contains(['/', '\\', '?', '#', '@', '*']));
        if is_wildcard && !matches!(url.host(), Some(Host::Domain(_))) {
            return Err(wrong());
        }
        Ok(Self { host: host.ok_or_else(wrong)?.to_owned(), is_wildcard, port })
    }

    fn admits(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let is_host = if self.is_wildcard {
            host.strip_suffix(&self.host).is_some_and(|below| below.len() > 1 && below.ends_with('.'))
        } else {
            host == self.host
        };
        // `port` is nothing where it is that of the scheme.
        is_host && self.port.map_or(url.port().is_none(), |port| url.port_or_known_default() == Some(port))
    }
}

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A path below `base_url`, as it is meant: nothing in it is encoded.
    Path(String),
    /// A whole URL.
    Url(String),
}

/// The rules of one resource.
#[derive(Debug, Clone)]
pub(super) struct Origins {
    base: Option<Url>,
    hosts: Vec<HostRule>,
}

impl Origins {
    pub(super) fn new(base: Option<Url>, hosts: Vec<HostRule>) -> Self {
        Self { base, hosts }
    }

    /// The URL of a target with a query, if requests may go there.
    pub(super) fn url(&self, target: &Target, query: &[(String, String)]) -> Result<Url, Fault> {
        let mut url = match target {
            Target::Path(path) => self.below_base(path)?,
            Target::Url(url) => self.anywhere(url)?,
        };
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    fn below_base(&self, path: &str) -> Result<Url, Fault> {
        let Some(base) = &self.base else {
            return Err(Fault::input("url", "the resource has no base_url, and a path alone leads nowhere")
                .with_hint("give the step a `url`, or the resource a `base_url`"));
        };
        let segments = relative(path)?;
        let mut url = base.clone();
        if !segments.is_empty()
            && let Ok(mut own) = url.path_segments_mut()
        {
            own.pop_if_empty().extend(segments);
        }
        Ok(url)
    }

    fn anywhere(&self, text: &str) -> Result<Url, Fault> {
        // The text itself stays out of the message: its query may hold a secret.
        let mut url = Url::parse(text).map_err(|error| Fault::input("url", format!("no URL: {error}")))?;
        if has_user(&url) {
            return Err(Fault::input("url", "the URL holds a user or a password")
                .with_hint("give the resource an `auth` instead"));
        }
        url.set_fragment(None);
        self.admit(&url)?;
        Ok(url)
    }

    /// Tells why a request may not go to `url`.
    pub(super) fn admit(&self, url: &Url) -> Result<(), Fault> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Fault::input("url", format!("`{}` is no scheme of HTTP", url.scheme())));
        }
        if self.is_base(url) {
            return Ok(());
        }
        let refused = |why: &str| Err(Fault::input("host-refused", format!("{} {why}", origin(url))));
        if self.base.as_ref().is_some_and(|base| base.scheme() == "https") && url.scheme() == "http" {
            return refused("is not encrypted, and base_url is");
        }
        let is_free = self.base.is_none() && self.hosts.is_empty();
        if is_free || self.hosts.iter().any(|rule| rule.admits(url)) {
            return Ok(());
        }
        refused("is not where this resource may go").map_err(|fault| {
            let host = url.host_str().unwrap_or_default();
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            fault.with_hint(format!("if it is meant, name it: allow_hosts = [\"{host}{port}\"]"))
        })
    }

    /// Whether `url` has the scheme, the host and the port of `base_url`.
    pub(super) fn is_base(&self, url: &Url) -> bool {
        self.base.as_ref().is_some_and(|base| base.origin() == url.origin())
    }

    /// The URL as messages show it: without user, password and query, and with `…` for the path of `base_url`, which may be
    /// a secret.
    pub(super) fn shown(&self, url: &Url) -> String {
        let path = url.path();
        let below = self.base.as_ref().filter(|_| self.is_base(url)).and_then(|base| {
            let own = base.path().trim_end_matches('/');
            path.strip_prefix(own).filter(|_| !own.is_empty())
        });
        match below {
            Some(below) => format!("{}/…{below}", origin(url)),
            None => format!("{}{path}", origin(url)),
        }
    }
}

/// Scheme, host and port.
pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Whether a user or a password stands in the URL.
pub(super) fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// The segments of a path below another: `.` and `..` are resolved, and do not lead above it.
fn relative(path: &str) -> Result<Vec<&str>, Fault> {
    if path.contains("://") {
        return Err(Fault::input("path", "the path is a URL").with_hint("give it as `url`"));
    }
    // The library would leave them out without a word.
    if path.contains(char::is_control) {
        return Err(Fault::input("path", "the path holds a control character"));
    }
    let mut segments = Vec::new();
    let path = path.trim_start_matches('/');
    for segment in path.split('/').filter(|_| !path.is_empty()) {
        match segment {
            "." => {}
            ".." => {
                segments.pop().ok_or_else(|| Fault::input("path", "the path leads above base_url"))?;
            }
            segment => segments.push(segment),
        }
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use super::*;

    fn origins(base: &str, hosts: &[&str]) -> Origins {
        let base = (!base.is_empty()).then(|| Url::parse(base).unwrap());
        Origins::new(base, hosts.iter().map(|host| HostRule::parse(host).unwrap()).collect())
    }

    #[test]
    fn a_path_never_leaves_the_base() {
        let table = [
            ("", "https://api.org:8443/v1"),
            ("/", "https://api.org:8443/v1"),
            ("notes", "https://api.org:8443/v1/notes"),
            ("/notes/7", "https://api.org:8443/v1/notes/7"),
            ("notes/", "https://api.org:8443/v1/notes/"),
            ("//evil.org/x", "https://api.org:8443/v1/evil.org/x"),
            ("\\\\evil.org\\x", "https://api.org:8443/v1/%5C%5Cevil.org%5Cx"),
            ("@evil.org", "https://api.org:8443/v1/@evil.org"),
            (":80@evil.org", "https://api.org:8443/v1/:80@evil.org"),
            (".evil.org", "https://api.org:8443/v1/.evil.org"),
            ("a/../b/./c", "https://api.org:8443/v1/b/c"),
            ("a/%2e%2e/%2e%2e/b", "https://api.org:8443/v1/a/%252e%252e/%252e%252e/b"),
            ("a?b#c", "https://api.org:8443/v1/a%3Fb%23c"),
            ("ä ö%", "https://api.org:8443/v1/%C3%A4%20%C3%B6%25"),
            ("http:/evil.org", "https://api.org:8443/v1/http:/evil.org"),
            ("javascript:1", "https://api.org:8443/v1/javascript:1"),
        ];
        let origins = origins("https://api.org:8443/v1", &[]);
        for (path, url) in table {
            let found = origins.url(&Target::Path(path.into()), &[]).unwrap();
            assert_eq!(found.as_str(), url, "{path:?}");
            assert!(origins.is_base(&found));
        }
        for path in ["..", "../x", "a/../../x", "/../x", "https://evil.org", "//x://y", "a\r\nHost: evil.org", "\ta"] {
            assert_eq!(origins.url(&Target::Path(path.into()), &[]).unwrap_err().cause, "path", "{path:?}");
        }
        let query = [("q".to_owned(), "a b&c=d#ü".to_owned())];
        let found = origins.url(&Target::Path("x".into()), &query).unwrap();
        assert_eq!(found.as_str(), "https://api.org:8443/v1/x?q=a+b%26c%3Dd%23%C3%BC");
    }

    #[test]
    fn a_url_goes_only_where_the_resource_may() {
        let table = [
            ("https://api.org/v1", vec![], "https://api.org/other", Ok(())),
            ("https://api.org/v1", vec![], "https://API.ORG:443/other#x", Ok(())),
            ("https://api.org/v1", vec![], "http://api.org/", Err("host-refused")),
            ("https://api.org/v1", vec![], "https://api.org:444/", Err("host-refused")),
            ("https://api.org/v1", vec![], "https://api.org.evil.org/", Err("host-refused")),
            ("https://api.org/v1", vec![], "https://api.org@evil.org/", Err("url")),
            ("https://api.org/v1", vec![], "https://evil.org\\@api.org/", Err("host-refused")),
            ("https://api.org/v1", vec![], "file:///etc/passwd", Err("url")),
            ("https://api.org/v1", vec![], "/relative", Err("url")),
            ("https://api.org", vec!["cdn.org"], "https://cdn.org/x", Ok(())),
            ("https://api.org", vec!["cdn.org"], "https://cdn.org:8443/x", Err("host-refused")),
            ("https://api.org", vec!["cdn.org:8443"], "https://cdn.org:8443/x", Ok(())),
            ("https://api.org", vec!["cdn.org:443"], "https://cdn.org/x", Ok(())),
            ("https://api.org", vec!["cdn.org"], "http://cdn.org/x", Err("host-refused")),
            ("http://api.org", vec!["cdn.org"], "http://cdn.org/x", Ok(())),
            ("https://api.org", vec!["*.cdn.org"], "https://a.b.cdn.org/x", Ok(())),
            ("https://api.org", vec!["*.cdn.org"], "https://cdn.org/x", Err("host-refused")),
            ("https://api.org", vec!["*.cdn.org"], "https://evilcdn.org/x", Err("host-refused")),
            ("", vec![], "http://anywhere.org/", Ok(())),
            ("", vec!["one.org"], "http://anywhere.org/", Err("host-refused")),
            ("", vec!["[2606:4700::1111]"], "http://[2606:4700:0::1111]/", Ok(())),
        ];
        for (base, hosts, url, result) in table {
            let found = origins(base, &hosts).url(&Target::Url(url.into()), &[]);
            assert_eq!(found.map(drop).map_err(|fault| fault.cause), result.map_err(str::to_owned), "{base} {url}");
        }
    }

    #[test]
    fn a_rule_that_is_no_host_is_told_apart() {
        for text in
            ["", "https://x.org", "x.org/path", "u@x.org", "x.org?", "x.org#", "*", "a.*.org", "*.127.0.0.1", "x y"]
        {
            assert!(HostRule::parse(text).is_err(), "{text:?}: {:?}", HostRule::parse(text));
        }
        assert_eq!(HostRule::parse("EXAMPLE.org:443").unwrap().port, Some(443));
        assert_eq!(HostRule::parse("[::1]").unwrap().port, None);
        assert_eq!(HostRule::parse("[::1]:80").unwrap().port, Some(80));
    }

    #[test]
    fn what_is_shown_of_a_url_holds_no_secret() {
        let hooks = origins("https://hooks.org/services/T0/SECRET", &[]);
        let url = hooks.url(&Target::Path("more".into()), &[("key".into(), "SECRET".into())]).unwrap();
        assert_eq!(hooks.shown(&url), "https://hooks.org/…/more");
        assert_eq!(hooks.shown(&Url::parse("https://u:SECRET@hooks.org/x?SECRET").unwrap()), "https://hooks.org/x");
        assert_eq!(hooks.shown(&Url::parse("https://u:SECRET@a.org/x?SECRET").unwrap()), "https://a.org/x");
    }
}
