//! `cargo dyno manifest` and `cargo dyno containerfile`: their output, and the build that the
//! Containerfile describes, run without a container.

use std::process::Command;

use crate::workbench::{Workbench, package};

#[test]
fn a_manifest_is_json_on_stdout_and_the_next_commands_on_stderr() {
    let bench = Workbench::new();
    let ended = bench.dyno("", "manifest --image checkout:1 --hosts 3 --namespace load");
    let list: serde_json::Value = serde_json::from_str(ended.printed()).expect("JSON");
    assert_eq!(list["items"][0]["spec"]["completions"], 3);
    assert_eq!(
        ended.stderr,
        "next, with this output as the input of the first command:\n  \
         kubectl --namespace load apply -f -\n  \
         kubectl --namespace load wait job/dyno --for=jsonpath='{.status.ready}'=3 --timeout=10m\n  \
         pods=$(kubectl --namespace load get pods -l app.kubernetes.io/instance=dyno \
         -o jsonpath='{.items[*].metadata.name}' | tr ' ' ,)\n  \
         cargo dyno run … --hosts \"$pods\" \
         --hosts-via 'kubectl --namespace load exec -i {host} --'\n  \
         kubectl --namespace load delete job/dyno\n"
    );
}

#[test]
fn a_manifest_without_hosts_is_refused_in_one_line() {
    let bench = Workbench::new();
    let ended = bench.dyno("", "manifest --image checkout:1 --hosts 0");
    assert!(ended.refusal().starts_with("invalid --hosts `0`: expected"), "{ended:?}");
}

#[test]
fn the_build_of_a_containerfile_leaves_the_program_that_was_named() {
    let bench = Workbench::with_package();
    for (words, name) in
        [("fibonacci", "fibonacci"), ("--bench io", "io"), ("--example io -p a", "io")]
    {
        let ended = bench.dyno("a", &format!("containerfile {words}"));
        let text = ended.printed();
        let end = format!("COPY --from=build /{name} /usr/local/bin/{name}\n");
        assert!(text.contains(&end), "{text}");
        let (_, build) = text.split_once("\nRUN ").expect("a build");
        let (build, _) = build.split_once("\n\n").expect("an end of it");
        // The root of the image is a folder here.
        let root = bench.path("image").display().to_string();
        std::fs::create_dir_all(&root).expect("writable");
        let build = build.replace(">/messages", &format!(">{root}/messages"));
        let build = build.replace(" /messages)", &format!(" {root}/messages)"));
        let build = build.replace(&format!(" /{name}"), &format!(" {root}/{name}"));
        let mut shell = Command::new("sh");
        shell.args(["-euc", &build]);
        bench.end("a", shell).printed();
        let program = Command::new(format!("{root}/{name}"));
        assert_eq!(bench.end("", program).printed(), format!("{name}\n"), "{words}");
    }
}

#[test]
fn a_containerfile_names_what_its_build_would_not_find() {
    let bench = Workbench::new();
    bench.write("dyno/Cargo.toml", &package("dyno-bench"));
    bench.write("dyno/src/lib.rs", "");
    let manifest = format!(
        "{}[dependencies]\ndyno-bench.path = \"../dyno\"\n[workspace]\n",
        package("inside")
    );
    bench.write("inside/Cargo.toml", &manifest);
    bench.write("inside/src/main.rs", "fn main() {}");
    let ended = bench.dyno("inside", "containerfile");
    assert!(ended.printed().contains("--bin=inside"), "{ended:?}");
    let warning = "warning: the build will not find `dyno-bench`, which `inside` takes from ";
    assert!(ended.stderr.starts_with(warning), "{ended:?}");
    assert!(ended.stderr.contains(".dockerignore keeps"), "{ended:?}");
    bench.write("inside/.dockerignore", "target\n");
    let ended = bench.dyno("inside", "containerfile");
    assert!(!ended.stderr.contains(".dockerignore"), "{ended:?}");
}
