//! Whether this program is one of the standard test harness, or lies among them.

/// Whether running this program again would run tests: it links the standard test harness, which
/// knows nothing of workers.
pub(crate) fn is_test_program() -> bool {
    // That harness runs each test in a thread of the test's name; a benchmark's `main` runs in
    // the thread `main`, wherever cargo put its program.
    in_deps() && std::thread::current().name() != Some("main")
}

/// Whether this program lies where cargo puts tests and benchmarks.
pub(crate) fn in_deps() -> bool {
    std::env::current_exe().is_ok_and(|program| {
        program.parent().and_then(|folder| folder.file_name()).is_some_and(|name| name == "deps")
    })
}
