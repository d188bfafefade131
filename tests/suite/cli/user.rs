//! `signet user` and `signet admin`.

use serde_json::{Value, json};

use super::{PASSWORD, Place, Ran, members, text};

#[test]
fn a_user_is_created_changed_disabled_and_deleted() {
    let place = Place::served();
    let ada = place.administrator("ada");
    let id = text(&ada, "id").to_owned();

    let created = place.run(&["user", "create", "bob", "--name", "Bob B", "--no-password"]).ok();
    let bob = created.one();
    assert_eq!(created.err, format!("Created user bob ({})\n", text(&bob, "id")));
    let wire = [
        "claims",
        "created_at",
        "disabled",
        "disabled_at",
        "email",
        "email_verified",
        "groups",
        "id",
        "login",
        "must_change_password",
        "name",
        "role",
        "roles",
        "updated_at",
    ];
    assert_eq!(members(&bob), wire);
    assert_eq!((text(&bob, "name"), text(&bob, "role")), ("Bob B", "user"));

    // In a pipe: one object per line, in the order of creation; by login in any case, or by id.
    let logins: Vec<String> = place
        .run(&["user", "list"])
        .ok()
        .rows()
        .iter()
        .map(|user| text(user, "login").to_owned())
        .collect();
    assert_eq!(logins, ["ada", "bob"]);
    // One user is shown with their second factors.
    let mut shown = ada.clone();
    shown["factors"] = json!([]);
    shown["recovery_codes_left"] = json!(0);
    for name in ["ada", "ADA", id.as_str()] {
        assert_eq!(place.run(&["user", "show", name]).ok().one(), shown, "{name}");
    }
    let reset = place.run(&["user", "reset-factors", "ada"]).ok();
    assert!(
        reset.err.contains("User ada (") && reset.err.contains("nothing changed"),
        "{}",
        reset.err
    );

    let json = place.run(&["user", "list", "-o", "json"]).ok();
    assert!(json.out.starts_with("[\n  {\n"), "{}", json.out);
    let array: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(array.as_array().map(Vec::len), Some(2));
    let object = place.run(&["-o", "json", "user", "show", "ada"]).ok();
    assert_eq!(serde_json::from_str::<Value>(&object.out).unwrap(), shown);
    assert!(object.out.starts_with("{\n"), "{}", object.out);

    let table = place.run(&["user", "list", "--output", "table"]).ok();
    let lines: Vec<&str> = table.out.lines().collect();
    assert!(lines[0].starts_with("LOGIN  ROLE "), "{}", table.out);
    assert!(lines[1].starts_with("ada    admin  active  -"), "{}", table.out);
    assert_eq!(lines[0].find("ID"), lines[2].find(text(&bob, "id")), "{}", table.out);

    let args = ["user", "update", "bob", "--name", "Bobby", "--role", "admin"];
    let changed = place.run(&args).ok().one();
    assert_eq!((text(&changed, "name"), text(&changed, "role")), ("Bobby", "admin"));
    let changed = place.run(&["user", "update", "bob", "--no-name"]).ok().one();
    assert_eq!((&changed["name"], text(&changed, "role")), (&Value::Null, "admin"));
    assert_eq!(place.run(&["user", "disable", "bob"]).ok().one()["disabled"], true);
    assert_eq!(place.run(&["user", "disable", "bob"]).ok().one()["disabled"], true);
    assert_eq!(place.run(&["user", "enable", "bob"]).ok().one()["disabled"], false);

    place.run(&["user", "create", "BOB", "--no-password"]).refused(5, &["BOB", "exists"]);
    place.run(&["user", "create", "b b", "--no-password"]).refused(2, &["b b", "login: "]);
    place.run(&["user", "create", "eve", "--name", "\u{7}", "--no-password"]).refused(2, &["name"]);
    let gone = place.run(&["user", "delete", "bob", "--yes"]).ok();
    assert_eq!(gone.out, "");
    for verb in ["show", "disable", "enable"] {
        place.run(&["user", verb, "bob"]).refused(3, &["\"bob\"", "signet user list"]);
    }
    place.run(&["user", "delete", "bob", "--yes"]).refused(3, &["bob"]);
    let args = ["user", "set-password", "bob", "--password-file", "-"];
    place.run_with(&args, PASSWORD.as_bytes()).refused(3, &["bob"]);
    place.run(&["session", "list", "--user", "bob"]).refused(3, &["bob"]);
}

/// The output of `user show` without the second factors, which other commands do not print.
fn profile(mut shown: Value) -> Value {
    let members = shown.as_object_mut().unwrap();
    assert_eq!(members.remove("factors"), Some(json!([])));
    assert_eq!(members.remove("recovery_codes_left"), Some(json!(0)));
    shown
}

#[test]
fn users_have_addresses_and_are_found_by_verified_ones() {
    let place = Place::served();
    let create = ["user", "create", "bob", "--no-password", "--email", "Bob@x.org"];
    let bob = place.run(&create).ok().one();
    assert_eq!((text(&bob, "email"), &bob["email_verified"]), ("Bob@x.org", &json!(false)));
    place.run(&["user", "show", "bob@x.org"]).refused(3, &["bob@x.org"]);
    let verified = place.run(&["user", "update", "bob", "--email-verified"]).ok().one();
    assert_eq!(verified["email_verified"], true);
    assert_eq!(profile(place.run(&["user", "show", "BOB@X.ORG"]).ok().one()), verified);
    let args = ["user", "create", "eve", "--no-password", "--email", "bob@x.org"];
    place
        .run(&[&args[..], &["--email-verified"]].concat())
        .refused(5, &["e-mail", "signet user show"]);
    place.run(&args).ok();
    let table = place.run(&["user", "list", "-o", "table"]).ok();
    assert!(table.out.contains("bob@x.org (unverified)"), "{}", table.out);
    // The login of one user is the address of another: it names neither.
    place.run(&["user", "create", "bob@x.org", "--no-password"]).ok();
    place.run(&["user", "update", "bob@x.org", "--role", "admin"]).refused(5, &["Name the id"]);
    assert_eq!(place.run(&["user", "show", text(&bob, "id")]).ok().one()["login"], "bob");
    for (args, email) in [
        (&["--email-verified=false"][..], (json!("Bob@x.org"), json!(false))),
        (&["--email", "bob@y.org", "--email-verified"], (json!("bob@y.org"), json!(true))),
        (&["--email", "bob@z.org"], (json!("bob@z.org"), json!(false))),
        (&["--no-email"], (json!(null), json!(false))),
    ] {
        let args = [&["user", "update", "bob"], args].concat();
        let shown = place.run(&args).ok().one();
        assert_eq!((shown["email"].clone(), shown["email_verified"].clone()), email, "{args:?}");
    }
    place.run(&["user", "update", "bob", "--email-verified"]).refused(2, &["email_verified"]);
    place.run(&["user", "update", "bob", "--email", "a@b@c"]).refused(2, &["email"]);
    place
        .run(&["user", "create", "x", "--no-password", "--email-verified"])
        .refused(2, &["--email"]);
}

#[test]
fn the_last_administrator_stays_and_set_up_closes_for_good() {
    let place = Place::served();
    let link = place.run(&["admin", "setup-link"]).ok();
    let token = link.out.strip_prefix("http://localhost:8484/setup/").unwrap();
    assert_eq!(token.trim_end().len(), 43, "{}", link.out);
    assert_eq!(link.out.lines().count(), 1);
    let other = place.run(&["admin", "setup-link", "-o", "json"]).ok();
    let other: Value = serde_json::from_str(&other.out).unwrap();
    assert_ne!(text(&other, "setup_url"), link.out.trim_end());

    place.administrator("ada");
    place.run(&["admin", "setup-link"]).refused(5, &["closed", "signet user create"]);
    let attempts: &[&[&str]] = &[
        &["user", "disable", "ada"],
        &["user", "delete", "ada", "--yes"],
        &["user", "update", "ada", "--role", "user"],
    ];
    for args in attempts {
        place.run(args).refused(5, &["last enabled administrator", "--role admin"]);
    }
    // While there is another administrator, each of these is allowed.
    place.administrator("eve");
    for args in attempts {
        place.run(args).ok();
        if args[1] == "delete" {
            place.administrator("ada");
        }
        place.run(&["user", "enable", "ada"]).ok();
        place.run(&["user", "update", "ada", "--role", "admin"]).ok();
    }
    place.run(&["admin", "setup-link"]).refused(5, &["closed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_come_from_files_and_pipes_and_are_never_printed() {
    let place = Place::empty();
    let server = place.serve();
    place.administrator("ada");
    let file = |name: &str, bytes: &[u8]| std::fs::write(place.dir.path().join(name), bytes);

    // One newline at the end is ignored; everything else is part of the password.
    file("one", format!("{PASSWORD}\n").as_bytes()).unwrap();
    file("two", format!("{PASSWORD}\n\n").as_bytes()).unwrap();
    for (login, from, works) in [("one", "one", 200), ("two", "two", 401)] {
        let args = ["user", "create", login, "--password-file", from];
        let ran = place.run(&args).ok();
        assert!(!ran.out.contains(PASSWORD) && !ran.err.contains(PASSWORD));
        let body = json!({ "login": login, "password": PASSWORD });
        assert_eq!(server.post("/v1/login", body).await.0, works, "{login}");
    }

    let args = ["user", "set-password", "two", "--permanent", "--password-file", "-"];
    let old = server
        .post("/v1/login", json!({ "login": "two", "password": format!("{PASSWORD}\n") }))
        .await;
    assert_eq!(old.0, 200, "{}", old.1);
    place.run_with(&args, format!("{PASSWORD}\r\n").as_bytes()).ok();
    let new = server.log_in("two").await;
    // Setting a password ends the sessions of the previous one, in the running server at once.
    assert_eq!(server.get("/v1/me", text(&old.1, "access_token")).await.0, 401);
    assert_eq!(server.get("/v1/me", text(&new, "access_token")).await.0, 200);

    place.run_with(&args, b"short").refused(2, &["password: ", "8 characters"]);
    place.run_with(&args, b"").refused(2, &["password: "]);
    place.run_with(&args, "x".repeat(5_000).as_bytes()).refused(2, &["1,024"]);
    place.run_with(&args, b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe").refused(2, &["UTF-8"]);
    let args = ["user", "set-password", "two", "--password-file", "missing"];
    place.run(&args).refused(1, &["missing"]);
    server.log_in("two").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_an_administrator_sets_is_replaced_by_its_user() {
    let place = Place::empty();
    let server = place.serve();
    place.administrator("ada");
    let shown = || place.run(&["user", "show", "ada"]).ok().one()["must_change_password"].clone();
    assert_eq!(shown(), false, "the first administrator has chosen the password");
    let set = ["user", "set-password", "ada", "--password-file", "-"];
    let ran = place.run_with(&set, b"set by somebody else").ok();
    assert!(ran.err.contains("must choose a new password"), "{}", ran.err);
    assert_eq!(shown(), true);
    let table = place.run(&["user", "show", "ada", "-o", "table"]).ok().out;
    assert!(table.contains("must change password"), "{table}");
    let body = json!({"login": "ada", "password": "set by somebody else"});
    let (status, answer) = server.post("/v1/login", body.clone()).await;
    assert_eq!((status, text(&answer, "code")), (401, "password_change_required"));
    let update = ["user", "update", "ada", "--must-change-password"];
    let changed = place.run(&[&update[..], &["false"]].concat()).ok().one();
    assert_eq!(changed["must_change_password"], false);
    assert_eq!(server.post("/v1/login", body).await.0, 200);
    assert_eq!(place.run(&update).ok().one()["must_change_password"], true);
    let create = ["user", "create", "bob", "--must-change-password", "--password-file", "-"];
    let bob = place.run_with(&create, PASSWORD.as_bytes()).ok().one();
    assert_eq!(bob["must_change_password"], true);
}

#[test]
fn users_have_roles_groups_and_claims() {
    let place = Place::served();
    let ada = place.administrator("ada");
    let args = [
        "user",
        "create",
        "bob",
        "--no-password",
        "--role",
        "support",
        "--role",
        "on call",
        "--group",
        "emea",
        "--claim",
        "department=string:sales",
        "--claim",
        "floor=integer:3",
        "--claim",
        "remote=boolean:true",
        "--claim",
        "tags=strings:a,b",
    ];
    let bob = place.run(&args).ok().one();
    assert_eq!((text(&bob, "role"), &bob["roles"]), ("user", &json!(["support", "on call"])));
    let claims = json!({"department": "sales", "floor": 3, "remote": true, "tags": ["a", "b"]});
    assert_eq!((&bob["groups"], &bob["claims"]), (&json!(["emea"]), &claims));
    let table = place.run(&["user", "show", "bob", "-o", "table"]).ok().out;
    assert!(table.contains("user,support,on call  active"), "{table}");

    let update = |args: &[&str]| place.run(&[&["user", "update", "bob"], args].concat()).ok().one();
    let changed = update(&["--claim", "floor=integer:4", "--no-claim", "tags", "--group", "x"]);
    assert_eq!(changed["claims"], json!({"department": "sales", "floor": 4, "remote": true}));
    assert_eq!((&changed["groups"], &changed["roles"]), (&json!(["x"]), &bob["roles"]));
    let both = update(&["--role", "admin", "--role", "support"]);
    assert_eq!((text(&both, "role"), &both["roles"]), ("admin", &json!(["support"])));
    let bare = update(&["--no-roles", "--no-groups"]);
    assert_eq!((text(&bare, "role"), &bare["roles"]), ("admin", &json!([])));
    assert_eq!(bare["groups"], json!([]));
    // Without the role `admin` the user is an ordinary one, and one administrator must remain.
    let demoted = place.run(&["user", "update", "bob", "--role", "support"]).ok();
    assert!(demoted.err.contains("No longer an administrator"), "{}", demoted.err);
    let demoted = demoted.one();
    place.run(&["user", "update", "bob", "--role", "Admin"]).refused(2, &["roles: "]);
    assert_eq!((text(&demoted, "role"), &demoted["roles"]), ("user", &json!(["support"])));
    place.run(&["user", "update", "ada", "--role", "support"]).refused(5, &["administrator"]);
    assert_eq!(profile(place.run(&["user", "show", "ada"]).ok().one()), ada);
    place.run(&["user", "update", "bob", "--claim", "sub=string:ada"]).refused(2, &["claims: "]);
}

/// Without mail, links are printed for the operator to pass on.
#[test]
fn links_for_users_are_printed_where_mail_is_off() {
    let place = Place::served();
    let args = ["user", "create", "ada", "--email", "ada@example.org", "--invite"];
    let made = place.run(&args).ok();
    assert!(
        made.err.contains("Created user ada") && made.err.contains("Mail is off. Hand this link"),
        "{}",
        made.err
    );
    let first = made.one();
    assert_eq!(first["mailed_to"], Value::Null);
    // Time passes between the link and the output.
    let expires_in = first["expires_in"].as_i64().unwrap();
    assert!((600_000..=604_800).contains(&expires_in), "{expires_in}");
    assert!(text(&first, "link").contains("/link/"), "{first}");
    let again = place.run(&["user", "invite", "ada"]).ok();
    let (again, said) = (again.one(), again.err);
    assert_ne!(again["link"], first["link"]);
    let id = text(&again, "user_id");
    assert_eq!(id, text(&place.run(&["user", "show", "ada"]).ok().one(), "id"));
    assert!(said.contains(&format!("ada ({id})")), "{said}");
    place
        .run(&["user", "create", "bob", "--invite", "--no-password"])
        .refused(2, &["--no-password"]);
    let root = place.administrator("root");
    place.run(&["user", "invite", "root"]).refused(5, &["has a password"]);
    let link = place.run(&["user", "recover", text(&root, "id")]).ok().one();
    let expires_in = link["expires_in"].as_i64().unwrap();
    assert!((86_000..=86_400).contains(&expires_in), "{expires_in}");
    let unlocked = place.run(&["user", "unlock", "ada"]).ok();
    assert!(unlocked.err.starts_with("Unlocked user ada ("), "{}", unlocked.err);
    place.run(&["user", "unlock", "nobody"]).refused(3, &["nobody"]);
}

/// With mail, the link is sent to the user and not printed.
#[test]
fn links_for_users_are_mailed_where_mail_is_on() {
    let place = Place::served();
    let sink = place.dir.path().join("mail");
    std::fs::create_dir(&sink).unwrap();
    let place = place
        .with("SIGNET_SMTP_URL", &format!("file:{}", sink.display()))
        .with("SIGNET_MAIL_FROM", "signet@example.com");
    let mailed = |output: &Ran, life: std::ops::RangeInclusive<i64>| {
        let said = output.one();
        assert_eq!((text(&said, "mailed_to"), &said["link"]), ("ada@example.org", &Value::Null));
        assert!(life.contains(&said["expires_in"].as_i64().unwrap()), "{said}");
        assert!(!output.out.contains("/link/") && !output.err.contains("/link/"), "{output:?}");
    };
    let create = ["user", "create", "ada", "--email", "ada@example.org", "--invite"];
    mailed(&place.run(&create).ok(), 600_000..=604_800);
    mailed(&place.run(&["user", "invite", "ada"]).ok(), 600_000..=604_800);
    let set = ["user", "set-password", "ada", "--password-file", "-", "--permanent"];
    place.run_with(&set, PASSWORD.as_bytes()).ok();
    place.run(&["user", "update", "ada", "--email-verified"]).ok();
    mailed(&place.run(&["user", "recover", "ada"]).ok(), 86_000..=86_400);
    // Without a verified address the link is printed: a mail would not reach a proven owner.
    let create = ["user", "create", "bob", "--email", "bob@example.org", "--no-password"];
    place.run(&create).ok();
    let handed_over = place.run(&["user", "recover", "bob"]).ok().one();
    assert_eq!(handed_over["mailed_to"], Value::Null);
    assert!(text(&handed_over, "link").contains("/link/"), "{handed_over}");
}

/// A list with commas is a list, for every option that accepts names.
#[test]
fn names_with_commas_between_them_are_several() {
    let place = Place::served();
    let list = |value: &Value, member: &str| {
        let list = value[member].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        list.map(str::to_owned).collect::<Vec<_>>()
    };
    let create = ["user", "create", "ada", "--no-password", "--role", "admin,support", "--group"];
    let ada = place.run(&[&create[..], &["emea, sales"]].concat()).ok().one();
    assert_eq!((text(&ada, "role"), list(&ada, "roles")), ("admin", vec!["support".to_owned()]));
    assert_eq!(list(&ada, "groups"), ["emea", "sales"]);
    let directory = "cn=sales,ou=groups,dc=example";
    let update =
        ["user", "update", "ada", "--role", "admin,a", "--role", "b", "--group", directory];
    let claims = ["--claim", "floor=integer:3", "--claim", "desk=integer:4"];
    let ada = place.run(&[&update[..], &claims].concat()).ok().one();
    assert_eq!(list(&ada, "roles"), ["a", "b"]);
    assert_eq!(list(&ada, "groups"), [directory]);
    let ada = place.run(&["user", "update", "ada", "--no-claim", "floor,desk"]).ok().one();
    assert_eq!(ada["claims"], json!({}));

    let api = ["api", "create", "urn:orders", "--scope", "read,write", "--claim", "roles,groups"];
    let api = place.run(&api).ok().one();
    assert_eq!(list(&api, "scopes"), ["read", "write"]);
    assert_eq!(list(&api, "claims"), ["roles", "groups"]);
    let client = ["client", "create", "--name", "Shop", "--type", "web", "--redirect-uri"];
    let more = ["https://shop.example/cb", "--audience", "urn:orders", "--scope", "read,write"];
    let grants = ["--grant", "authorization_code,refresh_token"];
    let client = place.run(&[&client[..], &more, &grants].concat()).ok().one();
    assert_eq!(list(&client, "scopes"), ["read", "write"]);
    assert_eq!(list(&client, "grant_types"), ["authorization_code", "refresh_token"]);
}
