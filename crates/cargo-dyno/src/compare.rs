//! `cargo dyno compare`: two saved results against each other. The exit code is the answer.

use std::path::Path;

use anyhow::Context;
use dyno::{Comparison, ComparisonOptions, SideEvidence, compare_with};
use dyno_summary::{Study, Summary};

use crate::args::{CompareArguments, CompareFigures};
use crate::runs;

/// Compares two saved results.
pub(crate) fn compare(line: &CompareArguments) -> anyhow::Result<Comparison> {
    let options = options(&line.figures)?.forced(line.force);
    let side = |name: Option<&str>| {
        let file = runs::locate(name, &line.place)?;
        Ok::<_, anyhow::Error>(evidence(&file)?.named(name.unwrap_or("the newest run")))
    };
    let (base, new) = (side(Some(&line.base))?, side(line.new.as_deref())?);
    compare_with(&base, &new, &options).with_context(|| {
        format!(
            "`{}` and `{}`: compare results of the same benchmark, flags and machine, or overrule \
             that with --force",
            line.base,
            line.new.as_deref().unwrap_or("the newest run")
        )
    })
}

/// Returns the options that these flags mean.
pub(crate) fn options(figures: &CompareFigures) -> anyhow::Result<ComparisonOptions> {
    let mut options = ComparisonOptions::default();
    for metric in &figures.metric {
        options = options.metric(metric)?;
    }
    for tolerance in &figures.tolerance {
        options = options.tolerance(tolerance)?;
    }
    Ok(options)
}

/// Returns the evidence of a result: of a study with the summaries of its trials, if they are all
/// there.
fn evidence(file: &Path) -> anyhow::Result<SideEvidence> {
    let Some(study) = runs::study_at(file) else {
        return Ok(SideEvidence::from(&Summary::read(file)?));
    };
    let folder = study.parent().unwrap_or(Path::new("."));
    let study = Study::read(&study)?;
    let trials = study.trials.iter().map(|trial| Summary::read(folder.join(&trial.folder)));
    let trials: Vec<_> = trials.filter_map(Result::ok).collect();
    Ok(SideEvidence::of_trials(&study, &trials))
}
