//! Plans as their readers see them.

use super::*;

fn plan(set: &[&str]) -> Result<Plan, Problems> {
    let layers = Layers { set: set.iter().map(|&set| set.to_owned()).collect(), ..Layers::default() };
    let release = Release::new("nightly", "").expect("a name");
    Plan::new(&release, &layers, Assumptions { latency_seconds: 10.0, service_cv2: 1.0 })
}

fn table(set: &[&str]) -> String {
    plan(set).unwrap_or_else(|problems| panic!("{problems}")).to_table()
}

#[test]
fn the_table_tells_what_a_scenario_will_do() {
    let text = table(&["benchmark.scenario=saturation"]);
    let stages = text.split("\n\n").nth(1).unwrap_or_default();
    insta::assert_snapshot!(stages, @r"
    Stage  Rate/s      Start  Length  Requests  Tokens in  Tokens out  In flight   Detects   5 % needs
        0       5        0 s   3 min       900    460,844     230,403         50  ≥ 10.2 %      12 min
        1      10  3 min 1 s   3 min      1800    921,688     460,806        100  ≥ 7.14 %       6 min
        2      20  6 min 2 s   3 min      3600     1.84 M     921,612        200     ≥ 5 %       3 min
        3      40  9 min 3 s   3 min      7200     3.69 M      1.84 M        400  ≥ 3.51 %  1 min 30 s
    ");
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
}

#[test]
fn a_pod_that_is_ended_too_early_is_named() {
    let set = ["benchmark.scenario=production,benchmark.job.deadlineSeconds=60"];
    let doubts = plan(&set).expect("valid").doubts.join("\n");
    insta::assert_snapshot!(doubts, @r"
    one stage gives no bracket: it says at most that its rate is sustained
    the load alone takes 600 s, but the pod is ended after 60 s (benchmark.job.deadlineSeconds)
    ");
}

#[test]
fn problems_of_config_yml_are_told_where_the_user_wrote_them() {
    let problems =
        plan(&["benchmark.config.data.input_distribution.min=2000"]).expect_err("min above max").to_string();
    assert!(
        problems.starts_with(
            "--set benchmark.config.data.input_distribution.min=2000: benchmark.config.data.input_distribution.min: "
        ),
        "{problems}"
    );
    let problems = plan(&["benchmark.enabled=false"]).expect_err("nothing to plan").to_string();
    assert_eq!(
        problems,
        "--set benchmark.enabled=false: benchmark.enabled: is false, so there is no config.yml (set it to true)"
    );
}

#[test]
fn the_picture_has_a_step_for_each_stage() {
    let svg = plan(&["benchmark.scenario=saturation"]).expect("valid").to_svg();
    assert_eq!(svg.matches("<title>stage ").count(), 4);
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
    let json = plan(&["benchmark.scenario=sweep"]).expect("valid").to_json();
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (json["sweep"]["stages"].as_f64(), json["stages"].as_array().map(Vec::len)),
        (Some(5.0), Some(0))
    );
}

#[test]
fn the_pod_asks_for_at_least_the_room_that_the_plan_needs() {
    for scenario in ["baseline", "saturation", "sweep", "production", "dataset"] {
        for per_request in [true, false] {
            let set = [
                format!("benchmark.scenario={scenario}"),
                format!("benchmark.config.report.request_lifecycle.per_request={per_request}"),
            ];
            let layers = Layers { set: set.to_vec(), ..Layers::default() };
            let release = Release::new("nightly", "").expect("a name");
            let objects = crate::render(&release, &layers).expect("valid");
            let job = objects.iter().find(|manifest| manifest.kind() == "Job").expect("a Job");
            let container = &job.object["spec"]["template"]["spec"]["containers"][0];
            let asked = container["resources"]["requests"]["ephemeral-storage"].as_str().expect("asked for");
            let mebibytes: f64 = asked.trim_end_matches("Mi").parse().expect("MiB");
            let plan = plan(&set.each_ref().map(String::as_str)).expect("valid");
            assert!(plan.outlook.spool_bytes <= mebibytes * 1_048_576.0, "{set:?}: {asked}");
        }
    }
}
