//! The choice of processes to watch: ids and names, in all layers.

use super::*;
use crate::plan::WatchChoice;

#[test]
fn processes_to_watch_are_ids_or_names_of_all_layers() {
    let watch = |name: &str| (name == "DYNO_WATCH").then(|| "4711, nginx: master".into());
    let layered =
        Settings::from_environment(watch).layered_with(flags(&[(Setting::Watch, "redis")]));
    let plan = plan(&layered).unwrap();
    let name = |name: &str| WatchChoice::Name(name.to_owned());
    assert_eq!(plan.watch, [WatchChoice::Pid(4711), name("nginx: master"), name("redis")]);
    assert_eq!(recorded(&plan).watch, ["4711", "nginx: master", "redis"]);
    assert!(plan.to_string().contains(" · watch 4711, nginx: master, redis"), "{plan}");
    let inputs: Vec<_> = layered.inputs(Setting::Watch).collect();
    assert_eq!(inputs, ["DYNO_WATCH=4711", "DYNO_WATCH=nginx: master", "--watch redis"]);
}

#[test]
fn a_process_to_watch_that_can_not_be_one_is_refused() {
    for text in ["0", "4194305", "99999999999"] {
        let expected = format!("--watch {text}: a process id is a number from 1 to 4,194,304");
        assert_eq!(refusal(&flags(&[(Setting::Watch, text)])), expected);
    }
    let empty = refusal(&flags(&[(Setting::Watch, "")]));
    assert!(empty.starts_with("--watch : expected the id or the name of a process"), "{empty}");
    let shared = refusal(&flags(&[(Setting::Share, "0/1,1"), (Setting::Watch, "redis")]));
    assert_eq!(
        shared,
        "--watch redis: each host of a shared run has other processes: leave the process out, or \
         the share"
    );
}
