//! The pipelines that ship and need a service: each runs against a real server that the test starts.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be read has failed")]

#[path = "support/llm_server.rs"]
mod llm_server;
#[path = "support/s3.rs"]
mod s3;
#[path = "support/server.rs"]
mod server;
#[path = "support/shipped.rs"]
mod shipped;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use llm_server::Speaks;
use mediamill::resources::database::{Database, Expect, Statement};
use mediamill::resources::secret::Secrets;
use mediamill::resources::settings::{ResourceKind, ResourceSpec, register};
use mediamill::resources::{Manager, Owner};
use s3::{ACCESS_KEY, S3, SECRET_KEY};
use serde_json::{Map, Value, json};
use server::{Answer, Server};
use shipped::*;

/// The key of the account of the test.
const KEY: &str = "sk-librarian-8093";

/// The rows of the database that the pipeline has filled.
fn asked(place: &Place, sql: &str) -> Vec<Map<String, Value>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let settings = json!({ "backend": "sqlite", "path": place.at("chapters.db") });
        let kind = ResourceKind::Database;
        let spec = ResourceSpec { name: "library".into(), kind, pool: kind.pool(), settings };
        let manager = Manager::new();
        register(&manager, &spec, &|_| None, &Secrets::default()).unwrap();
        let database = manager.acquire::<Database>("library", &Owner::new("test")).await.unwrap();
        let statement = Statement { sql: sql.to_owned(), params: Map::new() };
        database.query(&statement, 100, Expect::Any).await.unwrap().rows
    })
}

/// The notes of the transcript in a question, as the model of the test writes them.
fn notes(question: &str) -> String {
    let subject = question.lines().last().unwrap().rsplit(' ').next().unwrap().to_owned();
    json!({
        "title": format!("All about {subject}"), "summary": format!("They talk of {subject}."),
        "chapters": [{ "start": "0:00", "title": "Hello" }, { "start": "1:02:03", "title": subject }],
    })
    .to_string()
}

/// Both services on one server. The paid one forgets the chapters in its first answer.
fn models() -> Server {
    let server = Server::start();
    Speaks::OpenAi.lists(&server, &["gpt-4.1-mini"]);
    Speaks::Ollama.lists(&server, &["llama3.2"]);
    let forgetful = Speaks::OpenAi.says(r#"{"title": "x", "summary": "y"}"#, 900, 30);
    let good = Answer::made(|request| {
        let body = request.json();
        let asked = body["messages"].as_array().unwrap();
        let transcript = asked.iter().find(|message| message["role"] == "user").unwrap();
        Speaks::OpenAi.says(&notes(transcript["content"].as_str().unwrap()), 1000, 200)
    });
    server.on(Speaks::OpenAi.path(), [forgetful, good]);
    server.on(Speaks::Ollama.path(), [Speaks::Ollama.says("Listen to this.", 40, 5)]);
    server
}

/// Where the pipeline finds the server of the test, and what else is to be different.
fn chapters(place: &Place, server: &Server, others: &[(&str, &str)]) -> std::path::PathBuf {
    let writer = format!("model = \"gpt-4.1-mini\"\nbase_url = \"{}\"", server.url("/v1"));
    let helper = format!("model = \"llama3.2\"\nbase_url = \"{}\"", server.url(""));
    let mut edits = vec![("model = \"gpt-4.1-mini\"", writer.as_str()), ("model = \"llama3.2\"", helper.as_str())];
    edits.extend(others);
    place.edited("chapters", &edits)
}

/// Two transcripts.
fn transcripts(place: &Place) -> [std::path::PathBuf; 1] {
    fs::create_dir_all(place.at("transcripts")).unwrap();
    fs::write(place.at("transcripts/one.srt"), "[0:00] Hello. [1:02:03] Now to bees").unwrap();
    fs::write(place.at("transcripts/two.srt"), "[0:00] Hello. [1:02:03] Now to cheese").unwrap();
    [place.at("transcripts")]
}

#[test]
fn transcripts_become_rows_of_a_library_with_chapters_each_once() {
    let mut place = Place::new();
    place.set("OPENAI_API_KEY", KEY);
    let (server, input) = (models(), transcripts(&place));
    let file = chapters(&place, &server, &[]);
    let ran = place.run_file("chapters", &file, &input);
    assert_eq!((ran.output.status.code(), &ran.counts["done"]), (Some(0), &2.into()), "{}", ran.told());

    let rows = asked(&place, "select * from episodes order by episode");
    let text = |row: usize, column: &str| rows[row][column].as_str().unwrap().to_owned();
    assert_eq!((rows.len(), text(0, "episode"), text(1, "episode")), (2, "one".into(), "two".into()));
    assert_eq!((text(0, "title"), text(1, "title")), ("All about bees".into(), "All about cheese".into()));
    assert_eq!(text(1, "teaser"), "Listen to this.");
    let chapters: Value = match &rows[0]["chapters"] {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        list => list.clone(),
    };
    assert_eq!(chapters[1], json!({ "start": "1:02:03", "title": "bees" }));
    let tokens: u64 = rows.iter().map(|row| row["prompt_tokens"].as_u64().unwrap()).sum();
    assert_eq!(tokens, 900 + 2 * 1000, "what the first answer cost is counted too");
    let notes: Value = serde_json::from_slice(&fs::read(place.at("out/chapters/one.json")).unwrap()).unwrap();
    assert_eq!(notes["title"], "All about bees");

    let questions = server.received().len();
    let again = place.run_file("chapters", &file, &input);
    assert_eq!((&again.counts["up_to_date"], &again.counts["done"]), (&2.into(), &0.into()), "{}", again.told());
    let completions =
        |from: usize| server.received()[from..].iter().filter(|asked| asked.path() == Speaks::OpenAi.path()).count();
    assert_eq!(completions(questions), 0, "nothing is asked twice");
    for written in files(place.at("").as_path()) {
        let bytes = fs::read(&written).unwrap();
        assert!(!bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes()), "{} holds the key", written.display());
    }
    assert!(!ran.told().contains(KEY));
}

#[test]
fn episodes_beyond_the_token_budget_wait_for_the_next_run() {
    let mut place = Place::new();
    place.set("OPENAI_API_KEY", KEY);
    let (server, input) = (models(), transcripts(&place));
    let poor = [
        ("budget_tokens = 500_000", "budget_tokens = 2_001"),
        ("recovery_timeout = \"60s\"", "recovery_timeout = \"20ms\""),
    ];
    let ran = place.run_file("chapters", &chapters(&place, &server, &poor), &input);
    let counts = (&ran.counts["parked"], &ran.counts["failed"]);
    assert_eq!((ran.output.status.code(), counts), (Some(5), (&2.into(), &0.into())), "{}", ran.told());
    assert!(server.received().iter().all(|asked| asked.path() != Speaks::OpenAi.path()), "nothing was spent");
    let rich = place.run_file("chapters", &chapters(&place, &server, &[]), &input);
    assert_eq!((rich.output.status.code(), &rich.counts["done"]), (Some(0), &2.into()), "{}", rich.told());
}

/// All that a server says to a plain request for `url`, which must be a success.
fn fetched(url: &str) -> Vec<u8> {
    let (host, path) = url.strip_prefix("http://").unwrap_or_else(|| panic!("{url}")).split_once('/').unwrap();
    let mut socket = TcpStream::connect(host).unwrap();
    write!(socket, "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..answer.len().min(500)]));
    answer
}

#[test]
fn episodes_are_put_into_a_bucket_and_listed_with_links_that_work() {
    let mut place = Place::new();
    let server = S3::start();
    let bucket = server.bucket("podcasts");
    place.set("S3_SECRET", SECRET_KEY);
    let episode = place.take("speech-3.mp3", "episodes/one.mp3");
    let address = format!("region = \"us-east-1\"\nendpoint = \"{}\"\nallow_http = true", server.endpoint());
    let edits =
        [("region = \"eu-central-1\"", address.as_str()), ("my-podcast", "podcasts"), ("AKIAEXAMPLE", ACCESS_KEY)];
    let file = place.edited("publish", &edits);
    let ran = place.run_file("publish", &file, &[place.at("episodes")]);
    assert_eq!((ran.output.status.code(), &ran.counts["done"]), (Some(0), &1.into()), "{}", ran.told());
    let sent = files(&bucket).into_iter().find(|file| file.ends_with("one.mp3")).unwrap();
    assert_eq!(fs::read(sent).unwrap(), fs::read(&episode).unwrap());

    let rows = place.table("out/publish/links.csv");
    assert_eq!((rows.len(), rows[0][0].as_str()), (1, "one.mp3"), "{rows:?}");
    assert!(fetched(&rows[0][2]).ends_with(&fs::read(&episode).unwrap()), "the link needs no key");
    let again = place.run_file("publish", &file, &[place.at("episodes")]);
    assert_eq!(again.counts["up_to_date"], 1, "{}", again.told());
}
