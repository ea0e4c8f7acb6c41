//! Links in runs of the real program: one that has ended is signed anew, and nothing is sent for that.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/s3.rs"]
mod s3;
mod support;

use std::path::Path;
use std::process::Command;

use s3::{ACCESS_KEY, S3, SECRET_KEY};
use support::{Bench, mediamill};

fn pipeline(bucket: &str) -> String {
    format!(
        r#"
name = "publish"
[resources.bucket]
kind = "storage"
provider = "s3"
bucket = "{bucket}"
endpoint = "${{LINKS_ENDPOINT}}"
allow_http = true
access_key = "{ACCESS_KEY}"
secret_key = "${{LINKS_SECRET}}"
[[step]]
id = "upload"
uses = "storage.put"
resources = ["bucket"]
with = {{ to = "{{item.hash}}/", sign = "2h" }}
[[step]]
id = "links"
uses = "collect"
out = {{ table = "links.csv" }}
[step.with]
format = "csv"
columns = {{ link = "{{upload.signed_url}}", sent = "{{upload.sent}}" }}
"#
    )
}

/// The links of the table, each with the number of files that were sent for it.
fn links(folder: &Path) -> Vec<(String, String)> {
    let mut table = String::new();
    support::files_below(folder, &mut |path| {
        if path.ends_with("links.csv") {
            table = std::fs::read_to_string(path).unwrap();
        }
    });
    table
        .lines()
        .skip(1)
        .map(|line| line.rsplit_once(',').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap())
        .collect()
}

/// Writes another end of the links into what is known of every item.
fn end_links_at(state: &Path, end: &str) -> usize {
    let mut changed = 0;
    support::files_below(state, &mut |path| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if path.extension().is_none_or(|extension| extension != "json") || !text.contains("\"expires\": \"") {
            return;
        }
        let parts: Vec<&str> = text.split("\"expires\": \"").collect();
        let rest = parts[1..].iter().map(|part| format!("\"expires\": \"{end}{}", &part[part.find('"').unwrap()..]));
        std::fs::write(path, format!("{}{}", parts[0], rest.collect::<String>())).unwrap();
        changed += 1;
    });
    changed
}

#[test]
fn a_link_that_has_ended_is_signed_anew_and_nothing_is_sent_again() {
    let server = S3::shared();
    let bucket = server.bucket("links");
    let bench = Bench::new(&pipeline("links"));
    bench.inputs(2);
    let run = || bench.run().env("LINKS_ENDPOINT", server.endpoint()).env("LINKS_SECRET", SECRET_KEY).expect(0);
    let why = || {
        let mut command = Command::new(mediamill());
        command.arg("plan").arg(bench.path("pipeline.toml")).arg(bench.path("in")).args(["--why", "000.txt"]);
        command.arg("--state").arg(&bench.state).arg("--output").arg(&bench.out);
        let done = command.current_dir(bench.path("")).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    run();
    let first = links(&bench.out);
    assert_eq!(first.iter().map(|(_, sent)| sent.as_str()).collect::<Vec<_>>(), ["1", "1"], "{first:?}");
    // The address of the service is no secret: the links work.
    assert!(first.iter().all(|(link, _)| link.starts_with(&server.endpoint())), "{first:?}");
    let stored = || {
        let mut times = Vec::new();
        support::files_below(&bucket, &mut |path| times.push(std::fs::metadata(path).unwrap().modified().unwrap()));
        times.sort();
        times
    };
    let before = stored();
    assert!(why().contains("up to date"), "{}", why());
    run();
    assert_eq!(links(&bench.out), first);

    assert_eq!(end_links_at(&bench.state, "2020-01-01T00:00:00Z"), 2);
    assert!(why().contains("upload           runs: its link has expired"), "{}", why());
    run();
    let second = links(&bench.out);
    assert_eq!(second.iter().map(|(_, sent)| sent.as_str()).collect::<Vec<_>>(), ["0", "0"], "{second:?}");
    assert_eq!(stored(), before);
    assert!(why().contains("up to date"), "{}", why());

    // One that has not long to go is as good as none.
    let soon = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(300)).unwrap();
    assert_eq!(end_links_at(&bench.state, &soon.to_string()), 2);
    assert!(why().contains("upload           runs: its link expires within 10 minutes"), "{}", why());
}
