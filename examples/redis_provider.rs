//! How to write a provider: Redis, which mediamill does not know by itself.
//!
//! `cargo run --example redis_provider -- 127.0.0.1 6379` registers it, takes a lease, writes and reads a value.

#![expect(clippy::print_stdout, reason = "it is a program of its own")]

use std::time::Duration;

use mediamill::resilience::{Fault, FaultClass};
use mediamill::resources::{HealthReport, Lease, Manager, Owner, PoolSettings, Provider};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionAddr, FromRedisValue, IntoConnectionInfo, RedisError, cmd};

/// The port of a Redis server where nothing else is said.
pub const PORT: u16 = 6379;
/// The longest that the server may take to let us in, and to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connections to one Redis server. The pool keeps them for those who come later.
pub struct Redis {
    client: Client,
}

impl Redis {
    /// The server on `port` of `host`.
    ///
    /// # Errors
    /// That there can be no server of that name.
    pub fn new(host: &str, port: u16) -> Result<Self, Fault> {
        let address = ConnectionAddr::Tcp(host.to_owned(), port);
        let client = address.into_connection_info().and_then(Client::open).map_err(fault)?;
        Ok(Self { client })
    }
}

/// A connection: what a lease gives. All who hold the lease use it at the same time, so it needs no more than `&self`.
pub struct Connection(MultiplexedConnection);

impl Connection {
    /// What the server answers to `command`.
    ///
    /// # Errors
    /// That it refuses it, or cannot be reached any more.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Fault> {
        // The clone is the same connection. A command that is given up half-way does the others no harm.
        command.query_async(&mut self.0.clone()).await.map_err(fault)
    }

    async fn ping(&self) -> Result<(), Fault> {
        self.ask(&cmd("PING")).await
    }
}

impl Provider for Redis {
    type Handle = Connection;

    async fn create(&self) -> Result<Connection, Fault> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(Some(PATIENCE));
        self.client.get_multiplexed_async_connection_with_config(&config).await.map(Connection).map_err(fault)
    }

    async fn validate(&self, connection: &Connection) -> bool {
        connection.ping().await.is_ok()
    }

    // `is_reusable` and `close` are as the trait has them: nothing goes bad half-way, and to drop a connection closes it.

    async fn check(&self) -> Result<HealthReport, Fault> {
        let connection = self.create().await?;
        connection.ping().await?;
        let info: String = connection.ask(cmd("INFO").arg("server")).await?;
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        Ok(HealthReport { version: version.map(str::to_owned), ..HealthReport::healthy("it answers PING") })
    }
}

/// Whose account an error goes to decides what becomes of the file: it is parked until the service is back, tried again, or
/// failed.
fn fault(error: RedisError) -> Fault {
    let message = error.to_string();
    if error.is_connection_refusal() || matches!(error.kind(), redis::ErrorKind::AuthenticationFailed) {
        Fault::new(FaultClass::Dependency, "refused", message).with_hint("check that the server runs, and its password")
    } else if error.is_timeout() || error.is_connection_dropped() || error.is_io_error() {
        Fault::new(FaultClass::Transient, "connection", message)
    } else {
        Fault::new(FaultClass::Input, "command", message)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fault> {
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().unwrap_or_else(|| "127.0.0.1".to_owned());
    let port = arguments.next().and_then(|port| port.parse().ok()).unwrap_or(PORT);

    let manager = Manager::new();
    manager.register("cache", Redis::new(&host, port)?, PoolSettings::low())?;
    println!("{}", manager.check("cache").await.details);
    {
        let cache: Lease<Connection> = manager.acquire("cache", &Owner::new("example")).await?;
        cache.ask::<()>(cmd("SET").arg("song").arg("Greensleeves")).await?;
        println!("{}", cache.ask::<String>(cmd("GET").arg("song")).await?);
    } // The lease is dropped here; the connection is kept for who comes next.
    for leak in manager.close().await {
        println!("{leak}");
    }
    Ok(())
}
