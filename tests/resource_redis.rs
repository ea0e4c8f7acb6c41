//! The provider that the documentation shows, against a real Redis server: what stands in the example is what is tested.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

#[path = "../examples/redis_provider.rs"]
#[expect(dead_code, reason = "its `main` is for who runs it as an example")]
mod redis_provider;
#[path = "support/redis.rs"]
mod server;

use std::time::Duration;

use mediamill::resilience::FaultClass;
use mediamill::resources::{Health, Lease, Manager, Owner, PoolSettings};
use redis::cmd;
use redis_provider::{Connection, Redis};
use server::RedisServer;

/// The server. Where it is not installed that is said, and is no success on the machine that decides.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn server() -> Option<RedisServer> {
    let server = RedisServer::start();
    if server.is_none() {
        eprintln!("skipped: redis-server is not installed");
        assert!(std::env::var_os("CI").is_none(), "skipped under CI");
    }
    server
}

fn manager(port: u16) -> Manager {
    let manager = Manager::new();
    let pool =
        PoolSettings { min_size: 0, max_size: 2, validation_interval: Duration::ZERO, ..PoolSettings::default() };
    manager.register("cache", Redis::new("127.0.0.1", port).unwrap(), pool).unwrap();
    manager
}

async fn cache(manager: &Manager, who: &str) -> Lease<Connection> {
    manager.acquire("cache", &Owner::new(who)).await.unwrap()
}

async fn client_id(lease: &Lease<Connection>) -> u64 {
    lease.ask(cmd("CLIENT").arg("ID")).await.unwrap()
}

async fn clients(lease: &Lease<Connection>) -> usize {
    let list: String = lease.ask(cmd("CLIENT").arg("LIST")).await.unwrap();
    list.lines().count()
}

#[tokio::test]
async fn a_connection_is_kept_for_who_comes_next_and_replaced_when_it_is_dead() {
    let Some(server) = server() else { return };
    let manager = manager(server.port);
    assert_eq!(manager.status("cache").unwrap().health.health, Health::Unknown);
    assert!(manager.status("cache").unwrap().health.version.is_none());

    let first = cache(&manager, "first").await;
    first.ask::<()>(cmd("SET").arg("song").arg("Greensleeves")).await.unwrap();
    let id = client_id(&first).await;
    drop(first);
    let second = cache(&manager, "second").await;
    assert_eq!(client_id(&second).await, id, "the connection is another one");
    let song: String = second.ask(cmd("GET").arg("song")).await.unwrap();
    assert_eq!(song, "Greensleeves");

    // Two at once are two connections; the server ends one of them, which is seen before it is used again.
    let third = cache(&manager, "third").await;
    let dead = client_id(&third).await;
    assert_ne!(dead, id);
    drop(third);
    second.ask::<()>(cmd("CLIENT").arg("KILL").arg("ID").arg(dead)).await.unwrap();
    let fourth = cache(&manager, "fourth").await;
    assert!(![id, dead].contains(&client_id(&fourth).await));
    assert_eq!(clients(&second).await, 2);

    let report = manager.check("cache").await;
    assert_eq!(report.health, Health::Healthy);
    assert!(report.version.unwrap().starts_with(|c: char| c.is_ascii_digit()));
    let wrong = second.ask::<()>(cmd("LPUSH").arg("song").arg("x")).await.unwrap_err();
    assert_eq!(wrong.class, FaultClass::Input, "a wrong command is not the server's fault");
    drop((second, fourth));
    assert!(manager.close().await.is_empty());
}

#[tokio::test]
async fn a_server_that_is_gone_is_told_and_taken_up_when_it_is_back() {
    let Some(server) = server() else { return };
    let port = server.port;
    let manager = manager(port);
    drop(cache(&manager, "me").await);
    drop(server);
    let error = manager.acquire::<Connection>("cache", &Owner::new("me")).await.unwrap_err();
    assert_eq!((error.fault.class, error.fault.cause.as_str()), (FaultClass::Dependency, "refused"));
    let report = manager.check("cache").await;
    assert_eq!(report.health, Health::Unhealthy);
    assert_eq!(report.hint.as_deref(), Some("check that the server runs, and its password"));
    assert!(!manager.validate("cache").await);

    let _server = RedisServer::start_on(port).unwrap();
    assert!(manager.validate("cache").await);
    let lease = cache(&manager, "me").await;
    assert!(client_id(&lease).await > 0);
}
