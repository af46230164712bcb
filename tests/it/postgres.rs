//! Tests of the Postgres example: with the server that it starts, and where none answers.

use std::time::Duration;

use crate::support::{POSTGRES_EXAMPLE, assert_says, benchmark, until};

/// The longest time from the end of its primary until a server is gone.
const STOP_DEADLINE: Duration = Duration::from_secs(20);

#[test]
fn the_postgres_example_runs_its_own_server_and_removes_it() {
    let running = benchmark(POSTGRES_EXAMPLE).args("--rate 200").start();
    let folder = format!("/tmp/dyno-postgres-{}", running.pid);
    let ended = running.end();
    assert_eq!(ended.summary().cycles.completed, 60, "{ended:#?}");
    assert!(!std::path::Path::new(&folder).exists(), "{folder}");
}

#[test]
fn a_killed_primary_leaves_no_private_postgres_and_no_folder() {
    let running = benchmark(POSTGRES_EXAMPLE).args("--duration 20s").start();
    let folder = format!("/tmp/dyno-postgres-{}", running.pid);
    // The workers and the shell of the server.
    running.until_workers(3);
    assert!(std::path::Path::new(&folder).exists(), "{folder}");
    running.kill(STOP_DEADLINE);
    until("its folder is gone", STOP_DEADLINE, || !std::path::Path::new(&folder).exists());
}

#[test]
fn a_postgres_that_refuses_is_named_with_the_way_out() {
    let line = "-P url=postgres://nobody@127.0.0.1:1/nothing";
    let ended = benchmark(POSTGRES_EXAMPLE).args(line).run();
    let parts = ["no Postgres accepts the connection", "Connection refused", "-P url=postgres://"];
    assert_says(&ended.error(), &parts);
}
