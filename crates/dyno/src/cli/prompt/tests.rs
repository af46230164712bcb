//! The questions, the values that they offer, and the answers that they refuse.

use super::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Parameters {
    n: u32,
    note: Option<String>,
    url: String,
}

const MACHINE: Machine = Machine { parallelism: 2, descriptors: 1_024, seed: 7 };

fn task() -> TaskParameters {
    TaskParameters::of(&Parameters { n: 30, note: None, url: "a b".into() }).unwrap()
}

/// Returns the settings from the code and the flags.
fn said() -> Settings {
    let mut said = Settings::default();
    said.set(Setting::Rate, 80);
    said.say(Setting::Duration, "2s".into(), SettingSource::Flag);
    said.say_parameter("n=35".into(), SettingSource::Flag);
    said
}

/// Answers every question: with the given answer if there is one, else with the offered value.
fn answered(said: &Settings, answers: &[(&str, &str)]) -> Result<Settings, String> {
    let task = task();
    let mut interview =
        Interview::new("fib", said, &task, MACHINE).map_err(|error| error.to_string())?;
    for question in interview.questions() {
        let other = answers.iter().find(|(text, _)| question.text.split(' ').next() == Some(text));
        let answer = other.map_or(question.offered.as_str(), |(_, answer)| answer);
        interview.take(&question, answer).map_err(|error| error.to_string())?;
    }
    Ok(interview.answers)
}

#[test]
fn each_question_offers_the_value_of_its_parameter() {
    let (said, task) = (said(), task());
    let interview = Interview::new("fib", &said, &task, MACHINE).unwrap();
    let questions = interview.questions().into_iter();
    let questions: Vec<_> = questions.map(|asked| (asked.text, asked.offered)).collect();
    let expected = [
        ("rate", "80"),
        ("duration", "2s"),
        ("warmup", "1s"),
        ("workers", "auto"),
        ("arrivals (uniform, poisson)", "uniform"),
        ("max-backlog", "auto"),
        ("on-backlog (stop, skip, queue)", "stop"),
        ("max-failed", "0"),
        ("n", "35"),
        ("note", ""),
        ("url", "a b"),
    ];
    assert_eq!(questions, expected.map(|(text, offered)| (text.to_owned(), offered.to_owned())));
}

#[test]
fn taking_what_is_offered_changes_nothing() {
    let said = said();
    let plan = |settings: Settings| settings.plan("fib", &MACHINE, &task()).unwrap();
    let answers = answered(&said, &[]).unwrap();
    assert_eq!(plan(said.clone().layered_with(answers)), plan(said));
}

#[test]
fn an_answer_wins_over_flags_and_variables() {
    let answers = [("rate", "max"), ("workers", "3"), ("n", "5"), ("note", "x")];
    let said = said();
    let settings = said.clone().layered_with(answered(&said, &answers).unwrap());
    let plan = settings.plan("fib", &MACHINE, &task()).unwrap();
    assert_eq!((plan.rate.per_second(), plan.workers), (None, 3));
    assert_eq!((&plan.task["n"], &plan.task["note"]), (&5.into(), &"x".into()));
}

#[test]
fn an_answer_is_refused_as_the_flag_would_be() {
    let refusal = |subject, answer| answered(&said(), &[(subject, answer)]).unwrap_err();
    assert!(refusal("rate", "0").starts_with("--rate 0: a rate is between 0.1 and"));
    assert!(refusal("duration", "5").starts_with("--duration 5: a time is a number"));
    assert!(refusal("arrivals", "often").ends_with("it is one of uniform, poisson"));
    assert_eq!(refusal("n", "many"), "-P n=many: n is a whole number");
}

#[test]
fn a_slow_rate_is_accepted_until_the_duration_is_known() {
    let slow = [("rate", "0.1"), ("duration", "20s")];
    assert!(answered(&said(), &slow).is_ok());
    let refusal = answered(&said(), &[("rate", "0.1")]).unwrap_err();
    assert!(refusal.contains("no cycle is due within 2s"), "{refusal}");
}

#[test]
fn an_invalid_setting_without_a_question_is_refused_before_the_first_question() {
    let mut said = said();
    said.say(Setting::Rate, "0".into(), SettingSource::Flag);
    assert!(answered(&said, &[("rate", "5")]).is_ok(), "a flag that an answer mends");
    said.say(Setting::Seed, "x".into(), SettingSource::Flag);
    let refusal = answered(&said, &[("rate", "5")]).unwrap_err();
    assert!(refusal.starts_with("--seed x: a seed is"), "{refusal}");
}

#[test]
fn a_password_is_offered_unseen() {
    let task = task();
    let mut said = said();
    said.say_parameter("url=redis://u:secret@h".into(), SettingSource::Flag);
    let interview = Interview::new("fib", &said, &task, MACHINE).unwrap();
    let question = interview.questions().pop().unwrap();
    assert_eq!(question.offered, "redis://u:secret@h");
    let label = question.label();
    assert!(label.starts_with("url [redis://") && !label.contains("secret"), "{label}");
}
