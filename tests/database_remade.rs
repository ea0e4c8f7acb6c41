//! Tables that are dropped and made again: what was stored in the old one is stored in the new one.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

#[path = "support/databases.rs"]
mod databases;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use databases::{Bench, insert, runtime};
use mediamill::resilience::FaultClass;
use mediamill::resources::database::Insert;
use serde_json::json;

#[test]
fn rows_of_a_table_that_was_dropped_are_stored_in_the_one_that_took_its_place() {
    runtime().block_on(async {
        for bench in Bench::all("remade") {
            let backend = bench.backend;
            let rows = json!([{ "n": 1 }, { "n": 2 }, { "n": 2 }]);
            let made = Insert { create: true, ..insert("made", rows, "item/save") };
            // A connection that knew the table before it was dropped by another, and one that did not.
            let known = bench.lease_as("known").await;
            for round in 0..3 {
                if round > 0 {
                    bench.run(&format!("drop table made -- {round}")).await;
                }
                let fresh = bench.lease_as("fresh").await;
                let database = if round == 1 { &known } else { &fresh };
                assert_eq!(database.insert(&made).await.unwrap().rows, 3, "{backend}: round {round}");
                for database in [&known, &fresh] {
                    let again = database.insert(&made).await.unwrap();
                    assert_eq!((again.rows, again.skipped), (0, 3), "{backend}: round {round}");
                }
                assert_eq!(bench.count("made").await, 3, "{backend}: round {round}");
                // A table that is changed is the same, and so is one whose rows were taken out.
                bench.run(&format!("alter table made add more_{round} integer")).await;
                assert_eq!(known.insert(&made).await.unwrap().skipped, 3, "{backend}: round {round}");
            }
            bench.run("delete from made").await;
            assert_eq!(known.insert(&made).await.unwrap().skipped, 3, "{backend}");
            // That they are stored can be forgotten, of one table or of all.
            bench.run("create table other (n integer)").await;
            let other = insert("other", json!({ "n": 7 }), "item/other");
            assert_eq!(known.insert(&other).await.unwrap().rows, 1, "{backend}");
            bench.run("delete from mediamill_once where answer = 'made'").await;
            assert_eq!(known.insert(&made).await.unwrap().rows, 3, "{backend}");
            assert_eq!(known.insert(&other).await.unwrap().skipped, 1, "{backend}");
        }
    });
}

#[test]
fn a_table_of_postgresql_that_is_remade_by_hand_takes_the_rows_again() {
    let Some(bench) = Bench::postgresql("by_hand") else { return };
    runtime().block_on(async {
        let known = bench.lease_as("known").await;
        let row = insert("notes", json!({ "n": 1 }), "item/save");
        for round in 0..3 {
            bench.run(&format!("create table notes (n integer) -- {round}")).await;
            assert_eq!(known.insert(&row).await.unwrap().rows, 1, "round {round}");
            assert_eq!(known.insert(&row).await.unwrap().skipped, 1, "round {round}");
            assert_eq!(bench.count("notes").await, 1);
            bench.run(&format!("drop table notes -- {round}")).await;
        }
    });
}

#[test]
fn writers_store_each_row_once_while_their_table_is_dropped_and_made_again() {
    runtime().block_on(async {
        for bench in Bench::all("churn") {
            let bench = Arc::new(bench);
            let row = |n: u32| Insert { create: true, ..insert("notes", json!({ "n": n }), &format!("churn/{n}")) };
            let mut writers = tokio::task::JoinSet::new();
            let stored = Arc::new(AtomicU32::new(0));
            for writer in 0..4_u32 {
                let (bench, stored) = (Arc::clone(&bench), Arc::clone(&stored));
                writers.spawn(async move {
                    for n in 0..60 {
                        let database = bench.lease_as(&format!("writer-{writer}")).await;
                        // Two writers store the same row each time. A deadlock with who drops the table is no loss.
                        while let Err(fault) = database.insert(&row(n + 1000 * (writer % 2))).await {
                            assert_eq!(fault.class, FaultClass::Transient, "{}: {fault:?}", bench.backend);
                        }
                        stored.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            for round in 0..5 {
                // In the midst of their work, however fast that is.
                while stored.load(Ordering::Relaxed) < 40 * (round + 1) {
                    if let Some(done) = writers.try_join_next() {
                        done.unwrap();
                    }
                    tokio::task::yield_now().await;
                }
                bench.run(&format!("drop table if exists notes -- {round}")).await;
            }
            while let Some(done) = writers.join_next().await {
                done.unwrap();
            }
            // What was stored before the last drop is stored by one more attempt, and nothing twice.
            let database = bench.lease().await;
            for n in (0..60).chain(1000..1060) {
                database.insert(&row(n)).await.unwrap();
            }
            let distinct = bench.count("(select distinct n from notes) d").await;
            assert_eq!((bench.count("notes").await, distinct), (120, 120), "{}", bench.backend);
        }
    });
}
