//! The limits of profiles, and the areas under them.

use super::*;

fn stage(seconds: u64, from: f64, to: f64) -> Stage {
    Stage { from, to, duration: Duration::from_secs(seconds) }
}

#[test]
fn a_stage_has_the_cycles_of_the_area_under_its_rate() {
    assert_eq!(stage(30, 1_000.0, 1_000.0).cycles(), 30_000.0);
    assert_eq!(stage(60, 1_000.0, 5_000.0).cycles(), 180_000.0);
    assert_eq!(stage(60, 5_000.0, 1_000.0).cycles(), 180_000.0);
    assert!(stage(1, 5.0, 5.0).is_constant() && !stage(1, 5.0, 6.0).is_constant());
    assert_eq!(stage(60, 1_000.0, 5_000.0).rate_at(0.75), 4_000.0);
}

#[test]
fn a_profile_is_as_long_as_its_stages_and_has_their_mean_rate() {
    let stages = vec![stage(30, 1_000.0, 1_000.0), stage(60, 1_000.0, 5_000.0)];
    let profile = Profile::new(stages).expect("two stages");
    assert_eq!(profile.duration(), Duration::from_secs(90));
    assert_eq!(profile.cycles(), 210_000.0);
    assert!((profile.mean_rate() - 7_000.0 / 3.0).abs() < 1e-9);
}

#[test]
fn a_profile_has_from_one_to_sixty_four_stages() {
    assert_eq!(Profile::new(Vec::new()), Err(ProfileError::Empty));
    let many = |count| Profile::new(vec![stage(1, 5.0, 5.0); count]);
    assert!(many(STAGES_MAX).is_ok());
    assert_eq!(many(STAGES_MAX + 1), Err(ProfileError::TooMany { count: STAGES_MAX + 1 }));
}

#[test]
fn a_profile_is_at_most_as_long_as_the_longest_window() {
    let day = 24 * 60 * 60;
    assert!(Profile::new(vec![stage(29 * day, 5.0, 5.0), stage(day, 5.0, 5.0)]).is_ok());
    let long = vec![stage(30 * day, 5.0, 5.0), stage(1, 5.0, 5.0)];
    assert_eq!(Profile::new(long), Err(ProfileError::TooLong));
}

#[test]
fn a_profile_has_a_stage_and_a_rate_at_any_time() {
    let stages = vec![stage(30, 1_000.0, 1_000.0), stage(60, 1_000.0, 5_000.0)];
    let profile = Profile::new(stages).expect("two stages");
    let at = |seconds| profile.at(Duration::from_secs(seconds));
    assert_eq!([at(0), at(29)], [(1, 1_000.0), (1, 1_000.0)]);
    assert_eq!([at(30), at(60), at(90)], [(2, 1_000.0), (2, 3_000.0), (2, 5_000.0)]);
    assert_eq!(at(1_000), (2, 5_000.0));
}

#[test]
fn a_profile_reads_as_it_is_written() {
    let stages = vec![stage(30, 1_000.0, 1_000.0), stage(90, 1_500.0, 20_000.0)];
    let profile = Profile::new(stages).expect("two stages");
    assert_eq!(profile.to_string(), "30s:1k, 1m30s:1500..20k");
}
