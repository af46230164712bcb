//! The types of parameters, which follow from the defaults, and errors that list the known names.

use serde::Deserialize;

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Parameters {
    n: u32,
    ratio: f64,
    verbose: bool,
    url: String,
    label: Option<String>,
    limit: Option<u64>,
    sizes: Vec<u32>,
}

fn parameters() -> TaskParameters {
    TaskParameters::of(&Parameters {
        n: 30,
        ratio: 1.0,
        verbose: false,
        url: "redis://localhost".to_owned(),
        label: None,
        limit: None,
        sizes: vec![1],
    })
    .unwrap()
}

fn decoded(parameters: TaskParameters) -> Parameters {
    serde_json::from_value(Value::Object(parameters.into_map())).unwrap()
}

#[test]
fn a_value_has_the_type_of_its_default() {
    let mut set = parameters();
    for pair in ["n=35", "ratio=2", "verbose=true", "url=1234", "sizes=[1,2]"] {
        set.set_pair(pair).unwrap();
    }
    set.check().unwrap();
    let decoded = decoded(set);
    assert_eq!((decoded.n, decoded.ratio, decoded.verbose), (35, 2.0, true));
    assert_eq!((decoded.url.as_str(), decoded.sizes), ("1234", vec![1, 2]));
}

#[test]
fn an_option_takes_json_where_its_type_does_and_text_elsewhere() {
    let mut set = parameters();
    // Set twice, as two layers may do: the type is still that of the default.
    for pair in ["label=7", "label=35", "limit=9", "limit=35"] {
        set.set_pair(pair).unwrap();
    }
    let decoded = decoded(set);
    assert_eq!((decoded.label.as_deref(), decoded.limit), (Some("35"), Some(35)));
}

#[test]
fn a_value_may_hold_the_sign_that_separates_it() {
    let mut set = parameters();
    set.set_pair("url=redis://h?a=b").unwrap();
    assert_eq!(set.values()["url"], "redis://h?a=b");
}

#[test]
fn an_unknown_name_is_refused_with_the_existing_names() {
    let refusal = |pair| parameters().set_pair(pair).unwrap_err().to_string();
    assert_eq!(
        refusal("verbos=true"),
        "the task has no parameter \"verbos\"; did you mean \"verbose\"? \
         (it has label, limit, n, ratio, sizes, url, verbose)"
    );
    assert_eq!(
        refusal("connections=4"),
        "the task has no parameter \"connections\" \
         (it has label, limit, n, ratio, sizes, url, verbose)"
    );
    assert_eq!(
        TaskParameters::default().set("n", "1").unwrap_err().to_string(),
        "the task has no parameter \"n\", nor any other"
    );
}

#[test]
fn a_value_of_another_type_is_refused_by_what_it_should_be() {
    for (pair, refusal) in [
        ("n=many", "n is a whole number"),
        ("n=1.5", "n is a whole number"),
        ("ratio=inf", "ratio is a number"),
        ("verbose=yes", "verbose is true or false"),
        ("sizes=3", "sizes is a JSON array"),
        ("n", "a parameter is given as name=value"),
        ("=5", "a parameter is given as name=value"),
        (" =5", "a parameter is given as name=value"),
    ] {
        assert_eq!(parameters().set_pair(pair).unwrap_err().to_string(), refusal);
    }
}

#[test]
fn a_value_that_the_type_itself_refuses_is_refused_by_the_check() {
    let mut set = parameters();
    set.set("n", "-1").unwrap();
    let refusal = set.check().unwrap_err().to_string();
    assert!(refusal.contains("-1") && refusal.contains("u32"), "{refusal}");
}

#[test]
fn only_structs_have_parameters() {
    assert!(TaskParameters::of(&()).unwrap().values().is_empty());
    assert_eq!(
        TaskParameters::of(&5).unwrap_err().to_string(),
        "the parameters i32 are not a struct: only named fields can be set"
    );
}

#[test]
fn the_nearest_name_is_near() {
    let names = ["duration", "rate", "workers"];
    assert_eq!(nearest("durtion", names), Some("duration"));
    assert_eq!(nearest("rtae", names), Some("rate"));
    assert_eq!(nearest("x", names), None);
    assert_eq!(distance("kitten", "sitting"), 3);
    assert_eq!(distance("", "abc"), 3);
}
