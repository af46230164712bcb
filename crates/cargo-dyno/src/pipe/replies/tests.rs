//! Output of commands, whole and in pieces, and the events that it must give.

use super::*;

fn replies(form: ReplyForm, cycles: std::ops::Range<u64>) -> Replies {
    let mut replies = Replies::new(form, Some(Regex::new("^ERR").expect("a pattern")));
    for cycle in cycles {
        // The place of a cycle is unrelated to its number.
        replies.expect(cycle, cycle as usize + 100);
    }
    replies
}

/// Reads `output` in pieces of `size` bytes; returns the events in short.
fn read(replies: &mut Replies, output: &str, size: usize) -> (Vec<String>, Option<ReplyError>) {
    let mut events = Vec::new();
    let mut note = |event: ReplyEvent<'_>| {
        events.push(match event {
            ReplyEvent::Ended { place, failure: None } => format!("{}", place - 100),
            ReplyEvent::Ended { place, failure: Some(why) } => format!("{}: {why}", place - 100),
            ReplyEvent::Metric { name, value, unit } => format!("{name} {value} {unit:?}"),
            ReplyEvent::Aside(line) => format!("aside {}", String::from_utf8_lossy(line)),
        });
    };
    let mut error = None;
    for piece in output.as_bytes().chunks(size) {
        error = replies.read(piece, &mut note).err();
        if error.is_some() {
            break;
        }
    }
    (events, error)
}

/// Reads `output` whole and byte by byte, which must give the same events.
#[track_caller]
fn events(form: impl Fn() -> ReplyForm, output: &str) -> Vec<String> {
    let whole = read(&mut replies(form(), 0..4), output, usize::MAX);
    assert_eq!(whole, read(&mut replies(form(), 0..4), output, 1));
    assert_eq!(whole.1, None);
    whole.0
}

#[track_caller]
fn error(form: ReplyForm, output: &str) -> String {
    let error = read(&mut replies(form, 0..1), output, usize::MAX).1;
    error.expect("an error").to_string()
}

#[test]
fn replies_of_a_number_of_lines_end_in_the_order_of_their_cycles() {
    assert_eq!(events(|| ReplyForm::Lines(1), "a\r\nb\n\nc"), ["0", "1", "2"]);
    assert_eq!(events(|| ReplyForm::Lines(2), "a\nb\nc\nERR d\n"), ["0", "1: ERR d"]);
}

#[test]
fn a_reply_ends_at_a_line_that_matches() {
    let until = || ReplyForm::Until(Regex::new("^ok$").expect("a pattern"));
    assert_eq!(events(until, "ok\na\nERR b\nERR c\nok\nnot ok\n"), ["0", "1: ERR b"]);
}

#[test]
fn a_reply_of_any_length_ends_at_its_mark() {
    let output = "=0\na\n=7\nERR b\n\n=1\n= 2\n=2\n";
    assert_eq!(events(|| ReplyForm::Mark, output), ["0", "1: ERR b", "2"]);
}

#[test]
fn a_cycle_whose_mark_is_lost_fails_and_the_next_ones_keep_their_replies() {
    let lost = format!("0: {UNMARKED}");
    assert_eq!(events(|| ReplyForm::Mark, "a\n=1\n=2\n"), [lost.as_str(), "1", "2"]);
}

#[test]
fn lines_between_marks_belong_to_no_cycle() {
    let mut replies = replies(ReplyForm::Mark, 0..1);
    let (events, error) = read(&mut replies, "=0\nNOTICE: x\n", usize::MAX);
    assert_eq!((events, error), (vec!["0".to_owned(), "aside NOTICE: x".to_owned()], None));
}

#[test]
fn replies_that_begin_with_their_number_may_overtake() {
    let output = "2 a\n0\n3\tERR\n1: b\n";
    assert_eq!(events(|| ReplyForm::Matched, output), ["2", "0", "3", "1"]);
    let unmatched = "printed `7 x`, which does not begin with the number of a cycle that waits";
    for (output, quoted) in [("7 x\n", "7 x"), ("x 0\n", "x 0"), ("\n", "")] {
        let error = error(ReplyForm::Matched, output);
        assert!(error.starts_with(&unmatched.replace("7 x", quoted)), "{error}");
    }
}

#[test]
fn values_of_metrics_are_no_part_of_a_reply() {
    let output = "#metric rows 12\n#metric parse 350.5 ns\na\n#metrics\n";
    let expected = ["rows 12 None", "parse 350.5 Some(Nanoseconds)", "0", "1"];
    assert_eq!(events(|| ReplyForm::Lines(1), output), expected);
    for bad in [
        "#metric ",
        "#metric rows",
        "#metric rows x",
        "#metric a 1 ms",
        "#metric a inf",
        "#metric a 1 ns 2",
    ] {
        let error = error(ReplyForm::Lines(1), &format!("{bad}\n"));
        assert!(error.starts_with(&format!("printed `{bad}`: expected `#metric NAME")), "{error}");
    }
}

#[test]
fn a_line_that_no_cycle_waits_for_is_an_error_that_quotes_it() {
    let error = error(ReplyForm::Lines(1), "a\nb\n");
    assert!(error.starts_with("printed `b` while no cycle waited for a reply"), "{error}");
    assert!(error.contains("--reply-lines N, --reply-until REGEX or --mark"), "{error}");
}

#[test]
fn lines_and_replies_without_an_end_are_errors() {
    let long = "x".repeat(LINE_MAX + 1);
    let expected = format!("printed a line of more than {LINE_MAX} bytes without an end");
    for output in [long.clone(), format!("{long}\n")] {
        assert!(error(ReplyForm::Lines(1), &output).starts_with(&expected));
    }
    let mut replies = replies(ReplyForm::Mark, 0..1);
    let lines = format!("{}\n", "x".repeat(LINE_MAX - 1));
    let error = (0..=REPLY_MAX / LINE_MAX).find_map(|_| read(&mut replies, &lines, LINE_MAX).1);
    assert_eq!(error, Some(ReplyError::ReplyTooLong(0)));
}

#[test]
fn the_last_line_is_known_whole_or_not() {
    let mut replies = replies(ReplyForm::Lines(1), 0..4);
    assert_eq!((replies.last_line(), replies.is_in_a_line()), (None, false));
    read(&mut replies, "first\nsec", usize::MAX);
    assert_eq!((replies.last_line().as_deref(), replies.is_in_a_line()), (Some("sec"), true));
    read(&mut replies, "ond\n", usize::MAX);
    assert_eq!((replies.last_line().as_deref(), replies.is_in_a_line()), (Some("second"), false));
    assert_eq!(replies.ended(), 2);
}

#[test]
fn messages_of_the_channel_end_cycles_and_record_values() {
    let output = "{\"name\":\"cycle:completed\",\"cycle\":1}\n{\"name\":\"cycle:completed\"}\n\
                  {\"name\":\"cycle:completed\",\"error\":\"refused\"}\n\
                  {\"name\":\"histogram:recorded\",\"json\":\"{\\\"name\\\":\\\"a\\\",\\\"value\\\":6}\"}\n";
    assert_eq!(events(|| ReplyForm::Messages, output), ["1", "0", "2: refused", "a 6 None"]);
    assert!(error(ReplyForm::Messages, "hello\n").starts_with("sent `hello`, which is not JSON"));
    let unasked = error(ReplyForm::Messages, "{\"name\":\"cycle:completed\",\"cycle\":9}\n");
    assert!(unasked.starts_with("reported that a cycle was completed while"), "{unasked}");
}
