//! Tests of the place of runs, of their number, and that a summary is whole or missing.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_run_has_its_own_private_folder_even_within_one_second() {
    let root = tempfile::tempdir().unwrap();
    let make = || Folder::in_folder(&root.path().join("shop"), "20260102T030405Z-7").unwrap();
    let (first, second) = (make(), make());
    assert_eq!(first.path, root.path().join("shop/20260102T030405Z-7"));
    assert_eq!(second.path, root.path().join("shop/20260102T030405Z-7-2"));
    let mode = fs::metadata(&first.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, MODE);
}

#[test]
fn the_last_twenty_are_kept_and_nothing_else_is_touched() {
    let root = tempfile::tempdir().unwrap();
    let benchmark = root.path().join("shop");
    fs::create_dir_all(benchmark.join("20200101T000000Z-notes-of-mine")).unwrap();
    fs::create_dir_all(benchmark.join("mine")).unwrap();
    for second in 0..25 {
        let stamp = format!("20260102T0304{second:02}Z-7");
        let run = Folder::in_folder(&root.path().join("shop"), &stamp).unwrap();
        fs::write(run.path.join("run.json"), "{}").unwrap();
    }
    let names = names(&benchmark);
    assert_eq!(names.len(), KEPT + 2);
    assert_eq!(names[0], "20200101T000000Z-notes-of-mine");
    assert_eq!(names[1], "20260102T030405Z-7");
    assert_eq!(names[KEPT + 1], "mine");
}

#[test]
fn a_baseline_is_kept_among_newer_runs_until_another_has_its_name() {
    let root = tempfile::tempdir().unwrap();
    let benchmark = root.path().join("shop");
    let fill = |hour: u32| {
        for second in 0..KEPT {
            let stamp = format!("20260102T{hour:02}04{second:02}Z-8");
            let run = Folder::in_folder(&benchmark, &stamp).unwrap();
            fs::write(run.path.join(SUMMARY), "{}").unwrap();
        }
    };
    let saved = |stamp: &str| {
        let run = Folder::in_folder(&benchmark, stamp).unwrap();
        run.complete(SUMMARY, "{}").unwrap();
        assert_eq!(save(Some("main"), Some(&run), true), None);
        run.path.clone()
    };
    let first = saved("20260102T030405Z-7");
    fill(4);
    assert!(first.is_dir(), "the baseline is not removed");
    let second = saved("20260102T050405Z-7");
    fill(6);
    assert!(!first.exists() && second.is_dir(), "the name is that of the second");
}

#[test]
fn a_result_that_did_not_end_well_does_not_replace_a_baseline() {
    let root = tempfile::tempdir().unwrap();
    let run = Folder::in_folder(&root.path().join("shop"), "20260102T030405Z-7").unwrap();
    let warning = save(Some("main"), Some(&run), false).unwrap();
    let expected = "this result is not saved as the baseline `main`: it did not end well";
    assert_eq!(warning, expected);
    assert!(fs::read_link(root.path().join("shop/baseline-main")).is_err());
    assert_eq!(save(None, Some(&run), false), None);
}

#[test]
fn a_study_is_a_whole_run_among_the_last_twenty_with_all_its_trials() {
    let root = tempfile::tempdir().unwrap();
    let benchmark = root.path().join("shop");
    let study = Folder::in_folder(&benchmark, "20260102T030405Z-7").unwrap();
    let trial = Folder::named(&study.path.join("01")).unwrap();
    trial.complete(SUMMARY, "{}").unwrap();
    study.complete(STUDY_FILE, "{}").unwrap();
    assert_eq!(fs::read_link(benchmark.join(LATEST)).unwrap(), Path::new("20260102T030405Z-7"));
    let path = study.path.clone();
    drop((study, trial));
    for second in 0..KEPT {
        assert!(path.join("01").join(SUMMARY).is_file(), "{second} newer runs");
        let stamp = format!("20260102T0404{second:02}Z-8");
        let run = Folder::in_folder(&benchmark, &stamp).unwrap();
        fs::write(run.path.join(SUMMARY), "{}").unwrap();
    }
    assert!(!path.exists(), "it is the oldest of twenty-one");
}

#[test]
fn a_folder_that_is_named_keeps_no_result_of_an_earlier_run_or_study() {
    let root = tempfile::tempdir().unwrap();
    for result in [SUMMARY, STUDY_FILE] {
        fs::write(root.path().join(result), "{}").unwrap();
    }
    let _run = Folder::named(root.path()).unwrap();
    assert_eq!(names(root.path()), Vec::<String>::new());
}

#[test]
fn a_complete_run_is_the_latest() {
    let root = tempfile::tempdir().unwrap();
    for (stamp, text) in [("20260102T030405Z-7", "one"), ("20260102T030406Z-7", "two")] {
        let run = Folder::in_folder(&root.path().join("shop"), stamp).unwrap();
        run.complete(SUMMARY, text).unwrap();
        assert_eq!(names(&run.path), [SUMMARY]);
        let latest = root.path().join("shop").join(LATEST);
        assert_eq!(fs::read_link(&latest).unwrap(), Path::new(stamp));
        assert_eq!(fs::read_to_string(latest.join(SUMMARY)).unwrap(), text);
    }
    assert_eq!(
        names(&root.path().join("shop")),
        ["20260102T030405Z-7", "20260102T030406Z-7", "latest"]
    );
}

#[test]
fn a_named_folder_is_made_and_nothing_is_linked_beside_it() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a/b");
    let folder = Folder::named(&path).unwrap();
    assert_eq!(names(&path), Vec::<String>::new());
    folder.complete(SUMMARY, "{}").unwrap();
    assert_eq!(names(&path), [SUMMARY]);
    assert_eq!(names(&root.path().join("a")), ["b"]);
}

#[test]
fn a_path_that_takes_no_files_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        Folder::named(&path).expect_err("a file is no folder");
    }
}

#[test]
fn two_packages_that_share_a_target_folder_have_their_own_folders() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let plain = root.join("shop");
    assert_eq!(folder_of(root, "shop", Some("a")), plain);
    fs::create_dir(&plain).unwrap();
    claim(&plain, "a");
    claim(&plain, "b");
    assert_eq!(folder_of(root, "shop", Some("a")), plain);
    assert_eq!(folder_of(root, "shop", None), plain);
    assert_eq!(folder_of(root, "shop", Some("b")), root.join("shop@b"));
}

#[test]
fn stamps_sort_by_age_and_names_stay_below_the_root() {
    let stamp = stamp(Duration::from_secs(1_767_323_045));
    assert_eq!(stamp, format!("20260102T030405Z-{}", std::process::id()));
    assert!(is_run(&stamp) && is_run("20260102T030405Z-7-2"));
    assert!(!is_run("latest") && !is_run("20260102T030405Z") && !is_run("2026-1"));
    for name in ["..", ".x", "", "-x", "a/b", "a b", "tab\there", &"long".repeat(75)] {
        let folder = component(name);
        assert!(!folder.contains('/') && folder.len() < 150, "{folder}");
        assert!(
            folder.starts_with(|c: char| c == '_' || c == '~' || c.is_alphabetic()),
            "{folder}"
        );
        assert!(!folder.contains(|c: char| c.is_control() || c.is_whitespace()), "{folder}");
    }
    assert_eq!(component("shop::order-2"), "shop::order-2");
}

#[test]
fn two_names_are_two_folders() {
    let long = "x".repeat(300);
    let longer = format!("{long}x");
    let names = ["a/b", "a_b", "a b", ".x", "_x", "-x", "", "_", "a\tb", &long, &longer];
    let folders: std::collections::HashSet<_> = names.into_iter().map(component).collect();
    assert_eq!(folders.len(), names.len(), "{folders:?}");
}

/// Leaves a run of `shop` that is whole, or one that has no summary.
fn leave(root: &Path, stamp: &str, is_whole: bool) {
    let run = Folder::in_folder(&root.join("shop"), stamp).unwrap();
    if is_whole {
        run.complete(SUMMARY, "{}").unwrap();
    }
}

#[test]
fn runs_stamped_in_the_future_make_room_for_new_ones() {
    let root = tempfile::tempdir().unwrap();
    for second in 10..30 {
        leave(root.path(), &format!("29990102T0304{second}Z-7"), true);
    }
    for second in 10..13 {
        leave(root.path(), &format!("20200102T0304{second}Z-7"), true);
    }
    let names = names(&root.path().join("shop"));
    let past: Vec<_> = names.iter().filter(|name| name.starts_with("2020")).collect();
    assert_eq!(past.len(), 3, "{names:?}");
    assert_eq!(names.len(), KEPT + 1, "and `latest`: {names:?}");
}

#[test]
fn runs_that_were_killed_push_out_no_whole_one() {
    let root = tempfile::tempdir().unwrap();
    leave(root.path(), "20200101T000000Z-7", true);
    for second in 10..40 {
        leave(root.path(), &format!("20200102T0304{second}Z-7"), false);
    }
    let names = names(&root.path().join("shop"));
    assert_eq!(names[0], "20200101T000000Z-7");
    assert_eq!(names.len(), KEPT + 2, "{names:?}");
}

#[test]
fn a_run_that_goes_on_is_never_removed() {
    let root = tempfile::tempdir().unwrap();
    let begin = |second: u32| {
        Folder::in_folder(&root.path().join("shop"), &format!("20200102T0304{second}Z-7")).unwrap()
    };
    let running: Vec<_> = (10..50).map(begin).collect();
    assert!(running.iter().all(|run| run.path.is_dir()));
    drop(running);
    begin(50);
    assert_eq!(names(&root.path().join("shop")).len(), KEPT);
}

#[test]
fn a_folder_that_a_run_writes_to_is_refused_to_another() {
    let root = tempfile::tempdir().unwrap();
    let first = Folder::named(root.path()).unwrap();
    let error = Folder::named(root.path()).unwrap_err();
    assert_eq!(error.to_string(), "another run is writing there");
    drop(first);
    Folder::named(root.path()).unwrap();
}

#[test]
fn a_named_folder_loses_the_summary_of_an_earlier_run_at_the_start() {
    let root = tempfile::tempdir().unwrap();
    Folder::named(root.path()).unwrap().complete(SUMMARY, "{}").unwrap();
    let _begun = Folder::named(root.path()).unwrap();
    assert_eq!(names(root.path()), Vec::<String>::new());
}

#[test]
fn without_locks_a_run_goes_on_until_its_files_are_a_day_old() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path();
    let without_locks = || Ok::<_, io::Error>(None::<()>);
    assert!(!has_ended(run, &without_locks()), "it may be about to write its first file");
    let file = File::create(run.join(HISTOGRAMS)).unwrap();
    assert!(!has_ended(run, &without_locks()));
    let written = file.metadata().unwrap().modified().unwrap();
    file.set_modified(written - SILENCE_MIN - Duration::from_secs(60)).unwrap();
    assert!(has_ended(run, &without_locks()));
    fs::write(run.join(SUMMARY), "{}").unwrap();
    assert!(has_ended(run, &without_locks()), "it has its summary");
    assert!(
        has_ended(run, &Ok(Some(())))
            && !has_ended(run, &Err::<Option<()>, _>(ErrorKind::WouldBlock.into()))
    );
}
