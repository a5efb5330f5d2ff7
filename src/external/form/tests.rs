use super::*;

fn ask(json: Json) -> Result<Query, String> {
    let ask: Ask = serde_json::from_value(json).map_err(|error| error.to_string())?;
    ask.query().map_err(|fault| fault.message)
}

#[test]
fn queries_are_a_closed_set_and_hold_nothing_odd() {
    assert_eq!(ask(json!({"stat": {"path": "/etc//hosts"}})), Ok(Query::File { path: "/etc/hosts".into() }));
    let unit = Query::Run(Probe::UnitState { unit: "nginx.service".into() });
    assert_eq!(ask(json!({"unit": {"name": "nginx"}})), Ok(unit));
    for (query, message) in [
        (json!({"run": {"argv": ["id"]}}), "unknown variant `run`"),
        (json!({"stat": {"path": "/x", "follow": true}}), "unknown field `follow`"),
        (json!({"stat": {"path": "etc"}}), "expected an absolute path"),
        (json!({"read": {"path": "/etc/../x"}}), "`..`"),
        (json!({"package": {"name": "*"}}), "is no name"),
        (json!({"unit": {"name": "-x"}}), "is no name"),
        (json!({"sysctl": {"key": "a b"}}), "is no name"),
    ] {
        let error = ask(query).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn answers_are_plain_json() {
    let meta = Meta {
        kind: Kind::Link { target: "x".into() },
        mode: 0o777,
        owner: "root".into(),
        group: "0".into(),
        size: 0,
    };
    let told = Ask::Stat { path: "/l".into() }.answer(&Answer::Meta(Some(meta))).unwrap();
    assert_eq!(
        told,
        json!({"kind": "link", "mode": "0777", "owner": "root", "group": "0", "size": 0, "target": "x"})
    );
    let read = Ask::Read { path: "/x".into(), limit: 9, secret: false };
    let content = |bytes: &[u8]| Answer::Content(Some(Content::new(bytes, false)));
    assert_eq!(read.answer(&content("ü".as_bytes())).unwrap(), json!({"text": "ü"}));
    assert_eq!(read.answer(&content(&[255, 0])).unwrap(), json!({"base64": "/wA="}));
    assert_eq!(read.answer(&Answer::Failed("no".into())).unwrap_err().message, "no");
    let output = |code, text: &str| {
        Answer::Output(Output { code, stdout: Content::from(text), stderr: Content::from("") })
    };
    let package = Ask::Package { name: "curl".into() };
    assert_eq!(
        package.answer(&output(0, "curl\tii \t7.88.1-10\n")).unwrap(),
        json!({"version": "7.88.1-10"})
    );
    assert_eq!(package.answer(&output(0, "curl\trc \t7.88.1-10\n")).unwrap(), Json::Null);
    assert_eq!(package.answer(&output(1, "")).unwrap(), Json::Null);
    let sysctl = Ask::Sysctl { key: "a".into() };
    assert_eq!(sysctl.answer(&output(0, "1\n")).unwrap(), json!("1"));
    assert!(sysctl.answer(&output(127, "")).is_err());
}

#[test]
fn what_is_made_of_secrets_is_secret_and_in_no_argument() {
    let act: Act = serde_json::from_value(json!({"write_file": {"path": "/x", "text": "a"}})).unwrap();
    let Op::WriteFile { content, attrs, .. } = act.op(true).unwrap() else { panic!() };
    assert!(content.is_secret() && attrs.mode == Some(0o600));
    let secrets = [Secret::new("hunter2\n")];
    for argv in [json!(["login", "--password=hunter2"]), json!(["login", STANDARD.encode("hunter2")])] {
        let act: Act = serde_json::from_value(json!({"exec": {"argv": argv}})).unwrap();
        assert!(act.shows(&secrets), "{act:?}");
    }
    let act: Act = serde_json::from_value(json!({"exec": {"argv": ["login"], "stdin": "hunter2"}})).unwrap();
    assert!(!act.shows(&secrets));
    let Op::Exec { exec, .. } = act.op(true).unwrap() else { panic!() };
    assert!(exec.secret && exec.stdin.is_some_and(|stdin| stdin.is_secret()));
}
