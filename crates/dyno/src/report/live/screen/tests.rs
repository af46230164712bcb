//! Tests that `on_tick` is called as documented, and that it can't stop a run.

use std::sync::mpsc::channel;

use super::*;
use crate::report::live::plain::Chatter;
use crate::result::fixture;

/// A view that shows faults alone: the tests have none.
fn silent() -> View {
    View::Plain(Plain::new(io::stderr(), Chatter::Faults))
}

fn tick() -> Update {
    Update::Tick(Box::new(fixture::tick()))
}

#[test]
fn on_tick_is_called_for_each_tick_and_once_at_the_end() {
    let (asked, heard) = channel();
    let on_tick: OnTick = Box::new(move |list: &List| {
        let _heard = asked.send(list.processes().count());
        None
    });
    let mut screen = Screen::start(silent(), Some(on_tick)).unwrap();
    screen.push(tick());
    assert_eq!(heard.recv(), Ok(3));
    screen.finish(fixture::observer().list());
    assert_eq!(heard.recv(), Ok(3));
    assert!(heard.recv().is_err(), "the thread is over, and its `on_tick` with it");
}

#[test]
fn a_text_of_on_tick_is_cleaned_and_keeps_no_password() {
    let text = "a\u{1b}[2Jb \u{1b}[31mredis://u:secret@h\u{1b}[0m\n\n";
    let on_tick: OnTick = Box::new(move |_: &List| Some(text.into()));
    let mut drawing =
        ScreenThread { view: silent(), on_tick: Some(on_tick), writing: Arc::default() };
    let own = drawing.ask(&fixture::observer().list(), &mut Vec::new());
    assert_eq!(own.as_deref(), Some("ab \u{1b}[31mredis://u:***@h\u{1b}[0m"));
}

#[test]
fn an_on_tick_that_panics_is_not_called_again() {
    let (asked, heard) = channel();
    let on_tick: OnTick = Box::new(move |_: &List| {
        let _heard = asked.send(());
        panic!("no such shop");
    });
    let mut drawing =
        ScreenThread { view: silent(), on_tick: Some(on_tick), writing: Arc::default() };
    let mut updates = Vec::new();
    for _ in 0..2 {
        assert_eq!(drawing.ask(&fixture::observer().list(), &mut updates), None);
    }
    assert_eq!(heard.iter().count(), 1);
    assert!(
        matches!(&updates[..], [Update::Fault(text)] if text.ends_with("is off: no such shop")),
        "{updates:?}"
    );
}

#[test]
fn an_on_tick_that_never_returns_holds_up_the_end_for_a_second_at_most() {
    let (keep, kept) = channel::<()>();
    let on_tick: OnTick = Box::new(move |_: &List| {
        // This blocks until the test is over.
        let _closed = kept.recv();
        None
    });
    let mut screen = Screen::start(silent(), Some(on_tick)).unwrap();
    screen.push(tick());
    let begun = dyno_bus::clock::now();
    screen.finish(fixture::observer().list());
    let waited = dyno_bus::clock::now() - begun;
    assert!(waited >= FAREWELL && waited < FAREWELL * 5, "{waited:?}");
    drop(keep);
}
