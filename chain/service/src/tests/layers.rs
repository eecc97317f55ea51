use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde::Deserialize;

use super::*;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    url: String,
    key: PathBuf,
    #[serde(default)]
    poll_ms: u64,
    #[serde(default)]
    part: Part,
    #[serde(default)]
    nodes: Vec<Node>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Part {
    open: bool,
    name: String,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Node {
    url: String,
}

const LAYERS: Layers = Layers {
    prefix: "SURETY_TEST",
    aliases: &[("key_file", "key")],
    secrets: &["url", "nodes.*.url"],
};
const FILE: &str = "url = 'u'\nkey_file = 'k'\npoll_ms = 1\n[part]\nname = 'file'\n";

fn read(text: &str, environment: &[(&str, &str)], flags: &[&str]) -> Result<Config, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let given = Overrides {
        environment: environment.iter().map(owned).collect(),
        flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
    };
    LAYERS.read((text, Path::new("/nowhere")), &given).map_err(|error| error.to_string())
}

#[test]
fn a_flag_wins_over_the_environment_and_the_environment_over_the_file() {
    let environment = [
        ("SURETY_TEST__POLL_MS", "2"),
        ("SURETY_TEST__PART__OPEN", "true"),
        ("SURETY_TEST__PART__NAME", "17"),
        ("SURETY_TEST__KEY_FILE", "other"),
        ("SURETY_TESTS__POLL_MS", "9"),
    ];
    let config = read(FILE, &environment, &["part.name=flag"]).unwrap();
    let part = Part { open: true, name: "flag".to_owned() };
    let needed =
        Config { url: "u".to_owned(), key: "other".into(), poll_ms: 2, part, nodes: vec![] };
    assert_eq!(config, needed);
    // Text that looks like a number stays text where text is needed.
    assert_eq!(read(FILE, &environment, &[]).unwrap().part.name, "17");
    assert_eq!(read(FILE, &environment, &["poll_ms=3"]).unwrap().poll_ms, 3);
    let alone = [("SURETY_TEST__URL", "u"), ("SURETY_TEST__KEY", "k")];
    assert_eq!(read("", &alone, &[]).unwrap().key, PathBuf::from("k"));
}

#[test]
fn an_unknown_or_wrong_key_is_named_with_its_place_and_never_its_value() {
    let secret = "https://node.example/planted";
    for (text, environment, flags, needed) in [
        (format!("{FILE}colour = 1"), vec![], vec![], "line 6: part.colour: unknown field"),
        (format!("colour = 1\n{FILE}"), vec![], vec![], "line 1: colour: unknown field"),
        (FILE.replace('1', "'planted'"), vec![], vec![], "line 3: poll_ms: must be u64"),
        (FILE.replace("url = 'u'", ""), vec![], vec![], "missing field `url`"),
        (FILE.replace("= 1", "= ="), vec![], vec![], "line 3: "),
        (format!("key = 'x'\n{FILE}"), vec![], vec![], "key and key_file are the same"),
        (FILE.to_owned(), vec![("SURETY_TEST__COLOUR", secret)], vec![], "SURETY_TEST__COLOUR: un"),
        (FILE.to_owned(), vec![("SURETY_TEST__POLL_MS", secret)], vec![], "MS: must be u64"),
        (FILE.to_owned(), vec![("SURETY_TEST__", secret)], vec![], "must name a key"),
        (FILE.to_owned(), vec![], vec!["part.colour=1"], "--set part.colour: unknown field"),
        (FILE.to_owned(), vec![], vec!["poll_ms"], "must be KEY=VALUE"),
        (FILE.to_owned(), vec![], vec!["url=https://planted"], "use the environment"),
        (FILE.to_owned(), vec![], vec!["nodes.0.url=planted"], "use the environment"),
    ] {
        let fault = read(&text, &environment, &flags).unwrap_err();
        assert!(fault.contains(needed), "{needed}: {fault}");
        assert!(!fault.contains('\n') && !fault.contains("planted"), "{fault}");
    }
}

#[test]
fn secrets_are_fetched_from_private_files_and_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    std::fs::write(&path, "https://node.example/planted\n").unwrap();
    let text = "url = { env = 'NODE_URL' }\nkey = 'k'\n[[nodes]]\nurl = { file = 'url' }\n";
    let environment = vec![("NODE_URL".to_owned(), "https://node.example/other".to_owned())];
    let given = Overrides { environment, flags: vec![] };
    let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    mode(0o644);
    let read = |given| LAYERS.read::<Config>((text, folder.path()), given);
    let open = read(&given).unwrap_err().to_string();
    assert!(open.contains("nodes.0.url") && open.contains("chmod 600"), "{open}");
    mode(0o600);
    let config = read(&given).unwrap();
    assert_eq!(config.url, "https://node.example/other");
    assert_eq!(config.nodes[0].url, "https://node.example/planted");
    let unset = read(&Overrides::default()).unwrap_err().to_string();
    assert!(unset.contains("NODE_URL, which is not set"), "{unset}");
}
