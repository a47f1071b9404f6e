//! What `config/` gives to operators: it parses, it names what there is, and its parts agree with each other.
//!
//! promtool, kubernetes-validate and systemd-analyze say more, where they are installed; these tests need none of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use shardway::config::load_with;

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of a YAML file.
fn yaml(path: &str) -> Vec<Value> {
    let text = read(path);
    let documents = serde_yaml_ng::Deserializer::from_str(&text);
    documents.map(|it| Value::deserialize(it).unwrap_or_else(|error| panic!("{path}: {error}"))).collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&read("config/grafana/shardway.json")).unwrap()
}

/// Every text under a key of this name, however deep.
fn texts(value: &Value, key: &str) -> Vec<String> {
    let inner: Box<dyn Iterator<Item = String>> = match value {
        Value::Array(items) => Box::new(items.iter().flat_map(|it| texts(it, key))),
        Value::Object(fields) => Box::new(fields.iter().flat_map(|(name, it)| match it {
            Value::String(text) if name == key => vec![text.clone()],
            other => texts(other, key),
        })),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Box::new(std::iter::empty()),
    };
    inner.collect()
}

/// The manual's table: metrics and their labels. Other tests see to it that it lists what the binary serves.
fn manual() -> BTreeMap<String, BTreeSet<String>> {
    let mut metrics = BTreeMap::new();
    for line in read("config/METRICS.md").lines().filter(|line| line.starts_with("| `shardway_")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let names = |cell: &str| cell.split(',').map(|it| it.trim().trim_matches('`').to_owned()).collect();
        let name = cells[1].trim_matches('`');
        metrics.insert(name.to_owned(), names(cells[3]));
        if cells[2] == "histogram" {
            metrics.insert(format!("{name}_bucket"), names(&format!("{}, `le`", cells[3])));
        }
    }
    assert!(metrics.len() > 30, "{metrics:?}");
    metrics
}

/// Metrics of ours in an expression, each with the labels that its selector names.
fn selectors(expression: &str) -> Vec<(String, Vec<String>)> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = expression.match_indices("shardway_").map(|(at, _)| at);
    let starts = starts.filter(|at| !expression[..*at].ends_with(in_name));
    starts
        .map(|at| {
            let rest = &expression[at..];
            let end = rest.find(|c| !in_name(c)).unwrap_or(rest.len());
            let inside =
                rest[end..].strip_prefix('{').and_then(|it| it.split_once('}')).map_or("", |(inside, _)| inside);
            let labels =
                inside.split("\",").filter_map(|it| it.split_once(['=', '!'])).map(|(name, _)| name.trim().to_owned());
            (rest[..end].to_owned(), labels.collect())
        })
        .collect()
}

/// What a scrape adds to every series.
const OF_SCRAPES: [&str; 3] = ["instance", "job", "le"];

fn check_expressions(of: &str, expressions: &[String]) {
    let metrics = manual();
    for expression in expressions {
        let used = selectors(expression);
        assert!(
            !used.is_empty() || expression.starts_with("up{") || !expression.contains("shardway"),
            "{of}: {expression}"
        );
        for (name, labels) in used {
            let known = metrics.get(&name).unwrap_or_else(|| panic!("{of}: there is no metric {name}: {expression}"));
            for label in labels {
                let is_known = known.contains(&label) || OF_SCRAPES.contains(&&*label);
                assert!(is_known, "{of}: {name} has no label {label}: {expression}");
            }
        }
    }
}

#[test]
fn alerts_name_metrics_that_there_are() {
    let rules = yaml("config/prometheus/alerts.yml").remove(0);
    let alerts = rules["groups"][0]["rules"].as_array().unwrap();
    check_expressions("an alert", &texts(&rules, "expr"));
    let manual = read("README.md");
    let mut names = BTreeSet::new();
    for alert in alerts {
        let name = alert["alert"].as_str().unwrap();
        assert!(names.insert(name), "{name} is there twice");
        let severity = alert["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning", "info"].contains(&severity), "{name}: {severity}");
        for text in ["summary", "description"] {
            assert!(alert["annotations"][text].is_string(), "{name} has no {text}");
        }
        assert!(manual.contains(&format!("`{name}`")), "README.md does not say what to do about {name}");
    }
    let tests = yaml("config/prometheus/alerts_test.yml").remove(0);
    for name in texts(&tests, "alertname") {
        assert!(names.contains(&*name), "a test is for the alert {name}, which is not there");
    }
    let scrape = yaml("config/prometheus/scrape.yml").remove(0);
    assert_eq!(scrape["rule_files"][0], "alerts.yml");
    // `up{job="shardway"}` and the dashboard count on this name.
    assert_eq!(scrape["scrape_configs"][0]["job_name"], "shardway");
}

#[test]
fn the_dashboard_loads_without_edits() {
    let dashboard = dashboard();
    let variables: Vec<&Value> = dashboard["templating"]["list"].as_array().unwrap().iter().collect();
    let names: BTreeSet<&str> = variables.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, BTreeSet::from(["database", "datasource", "instance"]));
    assert_eq!(variables[0]["type"], "datasource");
    let mut expressions = texts(&dashboard, "expr");
    expressions.extend(texts(&dashboard["templating"], "definition"));
    check_expressions("the dashboard", &expressions);
    for expression in &expressions {
        for part in expression.split('$').skip(1) {
            let name: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            assert!(names.contains(&*name) || name == "__rate_interval", "${name} in {expression}");
        }
    }
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut places = BTreeSet::new();
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is another's");
        let at = |field: &str| panel["gridPos"][field].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{title} is outside");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(places.insert((x, y)), "{title} lies on another");
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        let targets = panel["targets"].as_array().unwrap();
        let references: BTreeSet<&str> = targets.iter().map(|it| it["refId"].as_str().unwrap()).collect();
        assert!(!targets.is_empty() && references.len() == targets.len(), "{title}");
    }
    // Nothing that was counted is left out, but for what says nothing over time, or nothing without the names of keys.
    let shown: BTreeSet<String> = expressions.iter().flat_map(|it| selectors(it)).map(|(name, _)| name).collect();
    let manual = manual();
    const QUIET: [&str; 3] = ["shardway_hot_key_share", "shardway_server_role", "shardway_topology_epoch"];
    let hidden = manual.keys().filter(|name| !shown.contains(*name) && !shown.contains(&format!("{name}_bucket")));
    let hidden: Vec<&String> = hidden.filter(|name| !QUIET.contains(&name.as_str())).collect();
    assert!(hidden.is_empty(), "not on the dashboard: {hidden:?}");
}

#[test]
fn kubernetes_manifests_agree_with_each_other() {
    let all = |name: &str| yaml(&format!("config/kubernetes/{name}.yaml"));
    let one = |name: &str| all(name).remove(0);
    for name in texts_of_list(&one("kustomization")["resources"]) {
        assert!(Path::new(&format!("config/kubernetes/{name}")).is_file(), "{name}");
    }
    let (deployment, config) = (one("deployment"), one("configmap"));
    let label = &deployment["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&deployment["spec"]["selector"]["matchLabels"], label);
    assert_eq!(&one("service")["spec"]["selector"], label);
    assert_eq!(&one("disruption")["spec"]["selector"]["matchLabels"], label);
    assert_eq!(&one("monitor")["spec"]["selector"]["matchLabels"], label);
    assert_eq!(one("autoscaling")["spec"]["scaleTargetRef"]["name"], deployment["metadata"]["name"]);

    let toml = config["data"]["shardway.toml"].as_str().unwrap();
    let path = std::env::temp_dir().join(format!("shardway-kubernetes-{}.toml", std::process::id()));
    fs::write(&path, toml).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_shardway"));
    let checked = check.arg("check").arg(&path).env("APP_PASSWORD", "x").output().unwrap();
    let settings = load_with(&path, &|_| Some("x".to_owned()));
    fs::remove_file(&path).unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let settings = settings.unwrap_or_else(|report| panic!("{report}"));
    assert!(settings.warnings.problems.is_empty(), "{}", settings.warnings);

    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let ports: BTreeMap<&str, u64> = container["ports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|port| (port["name"].as_str().unwrap(), port["containerPort"].as_u64().unwrap()))
        .collect();
    assert_eq!(u64::from(settings.listen.addresses[0].port()), ports["postgres"]);
    assert_eq!(u64::from(settings.listen.metrics.unwrap().port()), ports["metrics"]);
    assert_eq!(one("service")["spec"]["ports"][0]["targetPort"], "postgres");
    assert_eq!(one("monitor")["spec"]["podMetricsEndpoints"][0]["port"], "metrics");
    // Who is killed in the middle of a drain has not drained.
    let grace = Duration::from_secs(pod["terminationGracePeriodSeconds"].as_u64().unwrap());
    let pause: u64 = container["lifecycle"]["preStop"]["exec"]["command"][1].as_str().unwrap().parse().unwrap();
    assert!(settings.listen.drain_grace + settings.listen.drain_timeout + Duration::from_secs(pause) < grace);
    // The files stand where the container looks for them, and what it asks of the environment is there to be had.
    let mounted = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    assert_eq!(container["args"], serde_json::json!(["run", "-c", format!("{mounted}/shardway.toml")]));
    assert_eq!(pod["volumes"][0]["configMap"]["name"], config["metadata"]["name"]);
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().unwrap();
        assert!(["/livez", "/readyz"].contains(&path), "{probe}");
    }
    let scaling = one("autoscaling");
    let metric = scaling["spec"]["metrics"][0]["pods"]["metric"]["name"].as_str().unwrap();
    assert!(manual().contains_key(metric), "{metric}");
}

fn texts_of_list(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_systemd_unit_waits_for_a_drain() {
    let unit = read("config/systemd/shardway.service");
    let value = |name: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("{name} is not set"))
    };
    let settings = load_with(Path::new("config/minimal.toml"), &|_| Some("x".to_owned()));
    let settings = settings.unwrap_or_else(|report| panic!("{report}"));
    let stop = Duration::from_secs(value("TimeoutStopSec").parse().unwrap());
    assert!(stop > settings.listen.drain_timeout, "{stop:?}");
    assert!(value("ExecStart").ends_with("shardway run -c /etc/shardway/shardway.toml"));
    assert_eq!(value("Type"), "notify");
    assert!(value("ExecReload").contains("-HUP $MAINPID"));
}

#[test]
fn the_load_scripts_are_whole() {
    assert!(Command::new("bash").args(["-n", "config/load/users.sh"]).status().unwrap().success());
    let script = read("config/load/users.sh");
    let files: Vec<&str> = script.split("--file=").skip(1).filter_map(|it| it.split('@').next()).collect();
    assert_eq!(files.len(), 3);
    for file in files {
        assert!(read(&format!("config/load/{file}")).contains("\\sleep"), "{file}: users think");
    }
}
