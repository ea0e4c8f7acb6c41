//! Language models as resources, against a real server that speaks their protocols and has their faults: answers are read
//! whole or not at all, faults go to the right account, limits are kept to, and no key is told.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/llm_server.rs"]
mod llm_server;
#[path = "support/server.rs"]
mod server;

use std::time::Duration;

use llm_server::Speaks;
use mediamill::resilience::{Fault, FaultClass};
use mediamill::resources::llm::{AnswerSchema, Completion, Llm, Prompt};
use mediamill::resources::secret::Secrets;
use mediamill::resources::settings::{ResourceKind, ResourceSpec, register};
use mediamill::resources::{Health, Lease, Manager, Owner};
use serde_json::{Value, json};
use server::{Answer, Server};

/// The key that must never be seen.
const KEY: &str = "sk-gorilla-4711";

/// A manager with the resource `model`, made of settings as a pipeline has them.
fn manager(settings: &Value, secrets: &Secrets) -> Manager {
    ResourceKind::Llm.check(settings).unwrap();
    let manager = Manager::new();
    let (kind, pool) = (ResourceKind::Llm, ResourceKind::Llm.pool());
    let spec = ResourceSpec { name: "model".into(), kind, pool, settings: settings.clone() };
    register(&manager, &spec, &|name| (name == "KEY").then(|| KEY.to_owned()), secrets).unwrap();
    manager
}

async fn model(speaks: Speaks, server: &Server, others: Value) -> Lease<Llm> {
    let manager = manager(&speaks.settings(server, "${KEY}", others), &Secrets::default());
    manager.acquire("model", &Owner::new("test")).await.unwrap()
}

async fn ask(speaks: Speaks, server: &Server, answers: impl IntoIterator<Item = Answer>) -> Result<Completion, Fault> {
    server.on(speaks.path(), answers);
    model(speaks, server, json!({ "timeout": 5 })).await.complete(&Prompt::new("How many?")).await
}

/// Class and cause.
fn told(fault: &Fault) -> (FaultClass, &str) {
    (fault.class, fault.cause.as_str())
}

#[tokio::test]
async fn every_protocol_asks_and_reads_as_its_reference_says() {
    for speaks in Speaks::ALL {
        let server = Server::start();
        server.on(speaks.path(), [speaks.says("Two.", 19, 3)]);
        let model = model(speaks, &server, json!({})).await;
        let prompt = Prompt { temperature: Some(0.25), ..Prompt::new("How many?").with_system("Count.") };
        let answer = model.complete(&prompt).await.unwrap();
        assert_eq!((answer.text.as_str(), answer.model.as_str(), answer.json), ("Two.", "tiny-2026", None));
        assert_eq!((answer.prompt_tokens, answer.completion_tokens), (19, 3));

        let request = server.only_request();
        let (body, key) = (request.json(), ("authorization", format!("Bearer {KEY}")));
        let (header, value) = if speaks == Speaks::Anthropic { ("x-api-key", KEY.to_owned()) } else { key };
        assert_eq!((request.method.as_str(), request.header(header)), ("POST", Some(value.as_str())), "{speaks:?}");
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!((&body["model"], &body["stream"]), (&json!("tiny"), &json!(false)));
        let (hot, most) = match speaks {
            Speaks::OpenAi => (&body["temperature"], &body["max_completion_tokens"]),
            Speaks::Custom | Speaks::Anthropic => (&body["temperature"], &body["max_tokens"]),
            Speaks::Ollama => (&body["options"]["temperature"], &body["options"]["num_predict"]),
        };
        assert_eq!((hot, most), (&json!(0.25), &json!(1000)), "{speaks:?}");
        assert_eq!(speaks.question(&request), "How many?");
        let system = if speaks == Speaks::Anthropic { &body["system"] } else { &body["messages"][0]["content"] };
        assert_eq!(system, "Count.");
    }
}

#[tokio::test]
async fn what_is_no_whole_answer_is_never_taken_for_one() {
    use FaultClass::{Input, Transient};
    for speaks in Speaks::ALL {
        let server = Server::start();
        let whole = || speaks.says("Two.", 19, 3);
        for (answer, class, cause) in [
            (whole().cut_after(200), Transient, "connection-lost"),
            (whole().reset_after(200), Transient, "connection-lost"),
            (Answer::reset(), Transient, "connection-lost"),
            (Answer::text("<html>Welcome</html>"), Transient, "llm-answer"),
            (Answer::json(&json!({ "object": "list" })), Transient, "llm-answer"),
            (speaks.says(" ", 10, 0), Transient, "llm-empty"),
            (speaks.is_cut("Tw"), Input, "llm-length"),
            (speaks.refuses(500, "server_error", "oops"), Transient, "llm-server"),
            (speaks.refuses(401, "invalid_api_key", &format!("bad key {KEY}")), FaultClass::Dependency, "llm-key"),
            (Answer::redirect("https://example.org/"), FaultClass::Dependency, "llm-address"),
        ] {
            let fault = ask(speaks, &server, [answer]).await.unwrap_err();
            assert_eq!(told(&fault), (class, cause), "{speaks:?}: {fault}");
        }
        let length = ask(speaks, &server, [speaks.is_cut("Tw")]).await.unwrap_err();
        assert_eq!(length.hint.as_deref(), Some("raise max_tokens"));
        assert_eq!(ask(speaks, &server, [whole()]).await.unwrap().text, "Two.");
    }
}

#[tokio::test]
async fn an_endless_answer_and_a_slow_one_end_in_time_and_a_steady_one_is_waited_for() {
    let speaks = Speaks::Custom;
    let server = Server::start();
    server.on(speaks.path(), [Answer::status(200).endless(vec![b' '; 1 << 16])]);
    let model = model(speaks, &server, json!({ "timeout": "30s" })).await;
    let fault = model.complete(&Prompt::new("How many?")).await.unwrap_err();
    assert_eq!(told(&fault), (FaultClass::Transient, "llm-answer"), "{fault}");

    let patient = |timeout: f64| self::model(speaks, &server, json!({ "timeout": timeout }));
    server.on(speaks.path(), [speaks.says("Two.", 1, 1).drip(1, Duration::from_millis(20))]);
    let fault = patient(0.3).await.complete(&Prompt::new("How many?")).await.unwrap_err();
    assert_eq!(told(&fault), (FaultClass::Transient, "timeout"), "{fault}");
    server.on(speaks.path(), [Answer::silence()]);
    let fault = patient(0.1).await.complete(&Prompt::new("How many?")).await.unwrap_err();
    assert_eq!(told(&fault), (FaultClass::Transient, "timeout"), "{fault}");
    server.on(speaks.path(), [speaks.says("Two.", 1, 1).drip(64, Duration::from_millis(5))]);
    assert_eq!(patient(20.0).await.complete(&Prompt::new("How many?")).await.unwrap().text, "Two.");
}

#[tokio::test]
async fn a_service_that_asks_for_patience_gets_it_and_one_that_wants_money_is_not_asked_again() {
    for speaks in [Speaks::OpenAi, Speaks::Anthropic] {
        let server = Server::start();
        let slow_down = speaks.refuses(429, "rate_limit_error", "Too many").header("retry-after", "7");
        let fault = ask(speaks, &server, [slow_down]).await.unwrap_err();
        assert_eq!((told(&fault), fault.retry_after), ((FaultClass::Transient, "llm-rate"), Some(7000)));
        let overloaded = speaks.refuses(529, "overloaded_error", "Overloaded").header("retry-after", "3");
        let fault = ask(speaks, &server, [overloaded]).await.unwrap_err();
        assert_eq!((told(&fault), fault.retry_after), ((FaultClass::Transient, "llm-overloaded"), Some(3000)));
        let broke = speaks.refuses(429, "insufficient_quota", "You exceeded your current quota");
        let fault = ask(speaks, &server, [broke]).await.unwrap_err();
        assert_eq!((told(&fault), fault.retry_after), ((FaultClass::Dependency, "llm-quota"), None));
    }
    let mut server = Server::start();
    server.stop();
    let fault = ask(Speaks::Ollama, &server, []).await.unwrap_err();
    assert_eq!(told(&fault), (FaultClass::Dependency, "refused"), "{fault}");
}

#[tokio::test]
async fn json_that_does_not_fit_is_asked_for_again_with_what_is_wrong() {
    let table = json!({ "type": "object", "required": ["title"], "additionalProperties": false,
                        "properties": { "title": { "type": "string" } } });
    let schema = AnswerSchema::new(table.clone()).unwrap();
    let fenced = "Sure:\n```json\n{ \"title\": \"Two\" }\n```";
    for speaks in Speaks::ALL {
        let server = Server::start();
        let model = model(speaks, &server, json!({})).await;
        let prompt = Prompt::new("Name it.");
        let ask = |repairs| model.complete_fitting(&prompt, &schema, repairs);
        server.on(speaks.path(), [speaks.says(r#"{ "title": 2 }"#, 10, 4), speaks.says(fenced, 20, 6)]);
        let answer = ask(1).await.unwrap();
        assert_eq!(answer.json, Some(json!({ "title": "Two" })));
        assert_eq!((answer.prompt_tokens, answer.completion_tokens), (30, 10), "the tokens of both");
        let requests = server.received();
        let body = requests[0].json();
        let format = match speaks {
            Speaks::OpenAi | Speaks::Custom => &body["response_format"]["json_schema"]["schema"],
            Speaks::Anthropic => &body["tools"][0]["input_schema"],
            Speaks::Ollama => &body["format"],
        };
        assert_eq!(*format, table, "{speaks:?}");
        let again = speaks.question(&requests[1]);
        assert!(again.contains("/title"), "{again}");
        assert!(requests[1].text().contains(r#"{ \"title\": 2 }"#), "the model sees what it answered");

        server.on(speaks.path(), [speaks.says("no", 1, 1), speaks.says("[]", 1, 1), speaks.says("{}", 1, 1)]);
        let fault = ask(2).await.unwrap_err();
        assert_eq!(told(&fault), (FaultClass::Transient, mediamill::resilience::fault::UNFIT));
        assert_eq!(server.received().len(), 5, "no more than it may");
        server.on(speaks.path(), [speaks.says("no", 1, 1)]);
        assert!(ask(0).await.unwrap_err().message.contains("it is no JSON"));
    }
    // The tool of the Messages API.
    let server = Server::start();
    let used = json!({ "model": "tiny", "stop_reason": "tool_use", "usage": { "input_tokens": 1, "output_tokens": 2 },
                       "content": [{ "type": "tool_use", "id": "t", "name": "answer", "input": { "title": "Two" } }] });
    server.on(Speaks::Anthropic.path(), [Answer::json(&used)]);
    let model = model(Speaks::Anthropic, &server, json!({})).await;
    let answer = model.complete_fitting(&Prompt::new("Name it."), &schema, 0).await.unwrap();
    assert_eq!((answer.json, answer.finish_reason.as_str()), (Some(json!({ "title": "Two" })), "tool_use"));
}

#[tokio::test]
async fn a_server_that_takes_no_schema_is_asked_in_words_and_its_answer_is_held_against_it_all_the_same() {
    let schema = AnswerSchema::new(json!({ "type": "object", "required": ["title"] })).unwrap();
    let speaks = Speaks::Custom;
    let server = Server::start();
    let model = model(speaks, &server, json!({})).await;
    // As llama-cpp-python says it, which knows `json_object` only; then one that does not know that either.
    let refusal =
        speaks.refuses(500, "internal_server_error", "('body', 'response_format', 'type'): Input should be 'text'");
    let prompt = Prompt::new("Name it.").with_system("Be brief.");
    for (knows, wanted) in [("json_object", json!("json_object")), ("nothing", json!(null))] {
        server.on(speaks.path(), [refusal.clone(), speaks.says(r#"{ "title": "Two" }"#, 10, 4)]);
        let answer = model.complete_fitting(&prompt, &schema, 0).await.unwrap();
        assert_eq!(answer.json, Some(json!({ "title": "Two" })), "{knows}");
        let last = server.received().last().unwrap().json();
        assert_eq!(last["response_format"]["type"], wanted, "{knows}");
        let system = last["messages"][0]["content"].as_str().unwrap();
        assert!(
            system.starts_with("Be brief.\n\nAnswer with nothing but JSON")
                && system.ends_with(r#""required":["title"]}"#)
        );
    }
    // From then on it is not asked in vain.
    server.on(speaks.path(), [speaks.says(r#"{ "title": 2 }"#, 10, 4)]);
    let before = server.received().len();
    model.complete_fitting(&prompt, &schema, 0).await.unwrap();
    assert_eq!(server.received().len(), before + 1);
    server.on(speaks.path(), [speaks.says("[]", 10, 4)]);
    assert_eq!(
        model.complete_fitting(&prompt, &schema, 0).await.unwrap_err().cause,
        mediamill::resilience::fault::UNFIT
    );
}

#[tokio::test]
async fn limits_and_budget_hold_over_all_handles() {
    let server = Server::start();
    let speaks = Speaks::Custom;
    server.on(speaks.path(), [speaks.says("Two.", 30, 10)]);
    let settings =
        speaks.settings(&server, "", json!({ "requests_per_minute": 3, "max_tokens": 50, "budget_tokens": 300 }));
    let manager = manager(&settings, &Secrets::default());
    let handle = |name: &str| {
        let (manager, owner) = (manager.clone(), Owner::new(name));
        async move { manager.acquire::<Llm>("model", &owner).await.unwrap() }
    };
    for name in ["a", "b", "c"] {
        handle(name).await.complete(&Prompt::new("How many?")).await.unwrap();
    }
    let fault = handle("d").await.complete(&Prompt::new("How many?")).await.unwrap_err();
    assert_eq!(told(&fault), (FaultClass::Transient, "throttled"));
    assert!((55_000..=60_000).contains(&fault.retry_after.unwrap()), "{fault:?}");
    assert_eq!(server.received().len(), 3, "it was not asked");
    let figures = manager.status("model").unwrap().metrics.figures;
    let figure = |name: &str| figures[name].as_u64().unwrap();
    assert_eq!((figure("requests"), figure("prompt_tokens"), figure("completion_tokens")), (3, 90, 30));
    assert_eq!((figure("throttled"), figure("most_requests_in_a_minute"), figure("tokens_last_minute")), (1, 3, 120));
    assert_eq!(figure("budget_left"), 180);

    let poor = json!({ "max_tokens": 50, "budget_tokens": 120 });
    let poor = model_of(&speaks.settings(&server, "", poor)).await;
    poor.complete(&Prompt::new("How many?")).await.unwrap();
    poor.complete(&Prompt::new("How many?")).await.unwrap();
    let fault = poor.complete(&Prompt::new("How many?")).await.unwrap_err();
    assert_eq!(told(&fault), (FaultClass::Dependency, "budget"));
    assert!(fault.message.contains("120 tokens is spent: 80 were used"), "{fault}");
    assert_eq!(server.received().len(), 5);
}

async fn model_of(settings: &Value) -> Lease<Llm> {
    manager(settings, &Secrets::default()).acquire("model", &Owner::new("test")).await.unwrap()
}

#[tokio::test]
async fn a_look_tells_whether_the_service_is_there_takes_the_key_and_has_the_model() {
    for speaks in Speaks::ALL {
        let server = Server::start();
        let manager = manager(&speaks.settings(&server, "${KEY}", json!({})), &Secrets::default());
        speaks.lists(&server, &["other", "tiny"]);
        let report = manager.check("model").await;
        assert_eq!(report.health, Health::Healthy, "{speaks:?}: {report:?}");
        let request = server.only_request();
        assert_eq!(request.method, "GET");
        assert!(request.headers.iter().any(|(_, value)| value.contains(KEY)));

        let server = Server::start();
        let manager = self::manager(&speaks.settings(&server, "${KEY}", json!({})), &Secrets::default());
        speaks.lists(&server, &["other"]);
        let report = manager.check("model").await;
        let wanted = if speaks == Speaks::Custom { Health::Degraded } else { Health::Unhealthy };
        assert_eq!(report.health, wanted, "{speaks:?}: {report:?}");
        if speaks == Speaks::Ollama {
            assert!(report.hint.unwrap().contains("ollama pull tiny"));
        }
        server.on("*", [speaks.refuses(401, "invalid_api_key", KEY)]);
        for path in ["/v1/models", "/v1/models/tiny", "/api/tags"] {
            server.on(path, [speaks.refuses(401, "invalid_api_key", KEY)]);
        }
        let report = manager.check("model").await;
        assert_eq!(report.health, Health::Unhealthy);
        assert!(!format!("{report:?}").contains(KEY));
    }
}

#[tokio::test]
async fn a_look_tells_of_a_window_that_is_nearly_full_and_of_a_budget_that_is_spent() {
    let (server, speaks) = (Server::start(), Speaks::Custom);
    server.on(speaks.path(), [speaks.says("Two.", 30, 5)]);
    for (limits, health, details) in [
        (json!({ "requests_per_minute": 1 }), Health::Degraded, "100 % of what a minute allows is used"),
        (json!({ "budget_tokens": 80 }), Health::Unhealthy, "the budget of 80 tokens is spent: 35 were used"),
    ] {
        let mut settings = speaks.settings(&server, "", limits);
        settings["max_tokens"] = json!(50);
        let manager = manager(&settings, &Secrets::default());
        assert_eq!(manager.check("model").await.health, Health::Healthy, "a server that tells no models");
        let model = manager.acquire::<Llm>("model", &Owner::new("test")).await.unwrap();
        model.complete(&Prompt::new("How many?")).await.unwrap();
        let report = manager.check("model").await;
        assert_eq!(report.health, health);
        assert!(report.details.starts_with(details), "{}", report.details);
    }
}

#[tokio::test]
async fn no_key_is_ever_told() {
    let secrets = Secrets::default();
    let server = Server::start();
    for speaks in Speaks::ALL {
        // A key of a variable and one that stands in the pipeline, with the white space of a file.
        for key in ["${KEY}", "sk-gorilla-4711\n"] {
            let manager = manager(&speaks.settings(&server, key, json!({ "timeout": 5 })), &secrets);
            let model = manager.acquire::<Llm>("model", &Owner::new("test")).await.unwrap();
            let mut shown = format!("{model:?} {:?}", *model);
            for status in [400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 503, 529] {
                for message in [format!("the key {KEY} is odd"), format!("context_length_exceeded {KEY}")] {
                    server.on(speaks.path(), [speaks.refuses(status, "odd", &message)]);
                    shown += &format!("{:?}", model.complete(&Prompt::new("How many?")).await.unwrap_err());
                }
            }
            let schema = AnswerSchema::new(json!({ "const": 1 })).unwrap();
            server.on(speaks.path(), [speaks.says(&format!("\"{KEY}\""), 1, 1)]);
            shown += &format!("{:?}", model.complete_fitting(&Prompt::new("?"), &schema, 0).await.unwrap_err());
            shown += &format!("{:?} {:?}", manager.check("model").await, manager.status("model"));
            assert!(!shown.contains("gorilla"), "{shown}");
        }
    }
    // A key that no header can hold.
    let manager = Manager::new();
    let settings = Speaks::OpenAi.settings(&server, "sk-gorilla\n-4711", json!({}));
    let (kind, pool) = (ResourceKind::Llm, ResourceKind::Llm.pool());
    let spec = ResourceSpec { name: "model".into(), kind, pool, settings };
    let error = register(&manager, &spec, &|_| None, &secrets).unwrap_err();
    assert_eq!(told(&error.fault), (FaultClass::Dependency, "settings"));
    assert!(!format!("{error:?}").contains("gorilla"), "{error:?}");
}

#[tokio::test]
async fn a_call_that_is_given_up_ends_at_once() {
    let (server, speaks) = (Server::start(), Speaks::Ollama);
    server.on(speaks.path(), [Answer::silence()]);
    let model = model(speaks, &server, json!({})).await;
    let call = tokio::spawn(async move { model.complete(&Prompt::new("How many?")).await });
    tokio::task::spawn_blocking({
        let server = std::sync::Arc::new(server);
        let seen = std::sync::Arc::clone(&server);
        move || {
            seen.wait_for_requests(1);
            call.abort();
            seen.wait_until_alone();
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_without_asking() {
    let server = Server::start();
    let hot = model(Speaks::Anthropic, &server, json!({})).await;
    for (prompt, wanted) in [
        (Prompt::new(" "), "nothing is asked"),
        (Prompt { messages: Vec::new(), ..Prompt::new("") }, "nothing is asked"),
        (Prompt { temperature: Some(1.5), ..Prompt::new("?") }, "between 0 and 1"),
        (Prompt { max_tokens: Some(0), ..Prompt::new("?") }, "`max_tokens` is 0"),
        (Prompt { max_tokens: Some(100_000), ..Prompt::new("?") }, "tokens_per_minute allows 90000"),
    ] {
        let fault = hot.complete(&prompt).await.unwrap_err();
        assert_eq!(fault.class, FaultClass::Input);
        assert!(fault.message.contains(wanted), "{fault}");
    }
    assert_eq!(server.received().len(), 0);
}
