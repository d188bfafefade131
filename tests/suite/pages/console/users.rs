//! The pages about users: the list and its filters, why a user cannot sign in, new users, and tokens.

use signet::base::TimeSpan;
use signet::domain::user::Role;

use super::rights::with_role;
use super::{administrator, confirm, id_of, started};
use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::relying_party::{Person, field};
use crate::support::second_factors::{Authenticator, challenge_of, proceed};
use crate::support::server::{Answer, Options, PASSWORD};
use crate::support::{Backend, Server};

/// A server that counts failures, with the administrator `root` and the user `ada`.
pub(super) async fn counting(backend: Backend) -> Server {
    let server = Options::on(backend).with("SIGNET_RATE_LIMITS", "on").start().await;
    server.create_administrator("root").await;
    server.register("ada").await;
    server
}

/// Sends wrong passwords until the account is closed to this network.
pub(super) async fn lock(server: &Server, login: &str) {
    while server.try_login(login, "wrong password").await.status == 401 {}
    server.try_login(login, PASSWORD).await.is(429);
}

/// The logins in the rows of a list.
fn logins(page: &Answer) -> Vec<String> {
    let mut logins: Vec<String> = page
        .is(200)
        .text
        .split("<th scope=\"row\"><a href=\"/admin/users/")
        .skip(1)
        .map(|rest| rest.split_once('>').unwrap().1.split_once('<').unwrap().0.to_owned())
        .collect();
    logins.sort();
    logins
}

/// Each filter of the list selects its users, whose state is a word with a sign; each can be removed with a link, and
/// a list without rows suggests what to do. Unknown parameters or values in the address are reported.
#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_narrowed_by_state_and_role() {
    on_both("console: filters", async |backend| {
        let server = counting(backend).await;
        let root = administrator(&server).await;
        for login in ["dora", "lea", "max"] {
            server.register(login).await;
        }
        let (dora, max) = (id_of(&root, "dora").await, id_of(&root, "max").await);
        confirm(&root, &format!("/admin/users/{dora}/disable"), &[]).await.is(303);
        confirm(&root, &format!("/admin/users/{max}/must-change"), &[]).await.is(303);
        lock(&server, "lea").await;
        for (query, found) in [
            ("state=active", &["ada", "root"][..]),
            ("state=disabled", &["dora"]),
            ("state=locked", &["lea"]),
            ("state=must-change", &["max"]),
            ("role=admin", &["root"]),
            ("state=disabled&q=do", &["dora"]),
            ("state=disabled&role=admin", &[]),
        ] {
            let page = root.get(&format!("/admin/users?{query}")).await;
            assert_eq!(logins(&page), found, "{query}: {}", page.text);
            assert!(page.text.contains("Remove filter"), "{query}");
            if !found.is_empty() {
                let caption = format!("Matching users, {}", found.len());
                assert!(page.text.contains(&caption), "{query}: {}", page.text);
            }
        }
        let all = root.get("/admin/users").await;
        assert_eq!(logins(&all), ["ada", "dora", "lea", "max", "root"]);
        for state in ["Disabled", "Locked", "Must change password", "Active"] {
            let sign = if state == "Active" { "✓" } else { "" };
            assert!(all.text.contains(&format!("{sign}</span> {state}")) || sign.is_empty());
            assert!(all.text.contains(&format!("</span> {state}</span>")), "{state}: {}", all.text);
        }
        assert!(all.text.contains("<span class=\"id\">until "), "{}", all.text);
        assert!(all.text.contains("<span class=\"badge\">admin</span>"), "{}", all.text);
        assert!(!all.text.contains("Remove filter") && !all.text.contains("were ignored"));

        let both = root.get("/admin/users?state=disabled&q=zoe").await;
        let links: Vec<&str> = both
            .is(200)
            .text
            .split("<li><a href=\"")
            .filter(|rest| rest.contains("Remove"))
            .collect();
        assert!(links[0].starts_with("/admin/users?state=disabled\""), "{links:?}");
        assert!(both.text.contains("remove a filter"), "{}", both.text);
        assert!(both.text.contains("/admin/why?login=zoe"), "{}", both.text);
        for (path, named) in [
            ("/admin/users?stat=locked", "stat=locked"),
            ("/admin/users?state=sleeping", "state=sleeping"),
            ("/admin?range=1y", "range=1y"),
            ("/admin/health?x=%3Cb%3E", "x=&#60;b&#62;"),
        ] {
            let page = root.get(path).await;
            let text = format!("were ignored: {named}");
            assert!(page.is(200).text.contains(&text), "{path}: {}", page.text);
        }
    })
    .await;
}

/// Pages of a list link to the next, the previous and the first one, and keep the filters.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_list_lead_forward_and_back() {
    on_both("console: pages", async |backend| {
        let server = started(backend).await;
        for number in 0..120 {
            server.register(&format!("user{number:03}")).await;
        }
        let root = administrator(&server).await;
        let link = |page: &Answer, label: &str| -> Option<String> {
            let (before, _) = page.is(200).text.split_once(&format!("\">{label}</a>"))?;
            Some(before.rsplit_once("href=\"").unwrap().1.replace("&#38;", "&"))
        };
        let first = root.get("/admin/users?state=active").await;
        assert!(first.is(200).text.contains("Matching users, 50+"), "{}", first.text);
        assert!(link(&first, "Previous page").is_none() && link(&first, "First page").is_none());
        let second = root.get(&link(&first, "Next page").unwrap()).await;
        let to_third = link(&second, "Next page").unwrap();
        assert!(to_third.contains("state=active"), "{to_third}");
        let third = root.get(&to_third).await;
        assert_eq!(logins(&third).len(), 22);
        let back = root.get(&link(&third, "Previous page").unwrap()).await;
        assert_eq!(logins(&back), logins(&second));
        let begin = root.get(&link(&third, "First page").unwrap()).await;
        assert_eq!(logins(&begin), logins(&first));
    })
    .await;
}

/// The page of a user begins with the causes why they cannot sign in and the buttons that resolve them; the page
/// behind it has the whole diagnosis, also of an unknown login.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_page_says_why_the_user_cannot_sign_in() {
    on_both("console: why", async |backend| {
        let server = counting(backend).await;
        let root = administrator(&server).await;
        let id = id_of(&root, "ada").await;
        let page = format!("/admin/users/{id}");
        let heading = "Why this user cannot sign in";
        assert!(!root.get(&page).await.is(200).text.contains(heading));
        server.try_login("ada", "wrong password").await.is(401);
        let failed = root.get(&page).await;
        assert!(failed.is(200).text.contains("Wrong password: The password was wrong once"));
        lock(&server, "ada").await;
        let locked = root.get(&page).await;
        let text = &locked.is(200).text;
        let (panel, rest) = text.split_once("<dl>").unwrap();
        for wanted in
            [heading, "Locked for one network: ", &format!("{page}/unlock"), &format!("{page}/why")]
        {
            assert!(panel.contains(wanted), "{wanted}: {panel}");
        }
        assert!(rest.contains("Locked</span>"), "{rest}");
        let why = root.get(&format!("{page}/why")).await;
        for wanted in
            ["Why ada cannot sign in", "20 / 20", "wrong_password", "signet user unlock ada"]
        {
            assert!(why.is(200).text.contains(wanted), "{wanted}: {}", why.text);
        }
        confirm(&root, &format!("{page}/unlock"), &[]).await.is(303);
        server.try_login("ada", PASSWORD).await.is(200);
        assert!(!root.get(&page).await.is(200).text.contains(heading));
        confirm(&root, &format!("{page}/disable"), &[]).await.is(303);
        let disabled = root.get(&page).await;
        assert!(disabled.is(200).text.contains("Account disabled: "), "{}", disabled.text);
        let by_login = root.get("/admin/why?login=ADA").await;
        assert!(by_login.is(200).text.contains("Account disabled"), "{}", by_login.text);

        let none = root.get("/admin/search?q=adda").await;
        assert!(none.is(200).text.contains("/admin/why?login=adda"), "{}", none.text);
        let unknown = root.get("/admin/why?login=adda").await;
        for wanted in ["No such user", "Similar login name: ada"] {
            assert!(unknown.is(200).text.contains(wanted), "{wanted}: {}", unknown.text);
        }
        let long = "x".repeat(300);
        let refused = root.get(&format!("/admin/why?login={long}")).await;
        assert!(refused.is(200).text.contains("at most 254 bytes"), "{}", refused.text);
        root.get("/admin/why").await.is(200);
    })
    .await;
}

/// An account that is locked by wrong codes of the second factor is in the list of locked users, with the end of the
/// lock, and not afterwards; one with fewer wrong codes is not.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_locked_by_second_factors_are_listed_as_locked() {
    on_both("console: second factors", async |backend| {
        let server = counting(backend).await;
        let root = administrator(&server).await;
        server.register("bob").await;
        for (login, tries) in [("ada", 5), ("bob", 4)] {
            let app = Authenticator::enrol(&server, &server.login(login).await).await;
            for _ in 0..tries {
                let challenge = challenge_of(&server, login).await;
                proceed(&server, &challenge, &app.wrong_code(&server)).await.is(401);
            }
        }
        let locked = root.get("/admin/users?state=locked").await;
        assert_eq!(logins(&locked), ["ada"], "{}", locked.text);
        assert!(locked.text.contains("until "), "{}", locked.text);
        let admin = server.administrator("second").await;
        let found = server.get_as("/v1/admin/users?locked=true", &admin.access).await;
        let found = found.is(200).json();
        assert_eq!(found["data"].as_array().unwrap().len(), 1, "{found}");
        assert_eq!(found["data"][0]["login"], "ada");
        // The window of the network ends; that of the day continues, and is not used up.
        server.advance(TimeSpan::from_mins(16));
        assert!(logins(&root.get("/admin/users?state=locked").await).is_empty());
    })
    .await;
}

/// A new user gets a link that is shown once, for choosing a password. A taken login is reported beside its field and
/// entries are kept; the same form sent twice creates one user and shows the same link.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_chooses_the_password_with_a_link() {
    on_both("console: new user", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let page = root.get("/admin/users/new").await;
        assert!(!page.is(200).text.contains("type=\"password\""), "{}", page.text);
        let (csrf, form) = (field(&page.text, "csrf"), field(&page.text, "form"));
        let with = |login: &'static str| {
            [
                ("csrf", csrf.clone()),
                ("form", form.clone()),
                ("login", login.to_owned()),
                ("name", "Zoë".to_owned()),
                ("roles", "support, billing".to_owned()),
                ("role", "signet:helpdesk".to_owned()),
            ]
        };
        let send = async |login| {
            let fields = with(login);
            let fields = fields.each_ref().map(|(name, value)| (*name, &**value));
            root.post("/admin/users/new", &fields).await
        };
        let taken = send("ada").await;
        assert!(taken.status == 409 || taken.status == 422, "{}", taken.status);
        assert!(taken.text.contains("already exists"), "{}", taken.text);
        assert!(taken.text.contains("value=\"support, billing\""), "{}", taken.text);
        let (one, two) = tokio::join!(send("zoe"), send("zoe"));
        let link = |answer: &Answer| {
            let (_, rest) = answer.is(200).text.split_once("/link/").unwrap();
            rest.split_once('<').unwrap().0.to_owned()
        };
        assert_eq!(link(&one), link(&two));
        let id = id_of(&root, "zoe").await;
        let user = root.get(&format!("/admin/users/{id}")).await;
        for text in ["signet:helpdesk", "support, billing", "No password: ", "Zoë"] {
            assert!(user.is(200).text.contains(text), "{text}: {}", user.text);
        }
        assert!(!user.text.contains(&link(&one)));
        // Another link invalidates the first one.
        let again = confirm(&root, &format!("/admin/users/{id}/invite"), &[]).await;
        assert_ne!(link(&again), link(&one));
        Person::new(&server, "zoe").get(&format!("/link/{}", link(&again))).await.is(200);
        // Without mail, a link for a new password is shown as well, also to the helpdesk.
        let hugo = with_role(&server, "hugo", Role::Helpdesk).await;
        let ada = id_of(&root, "ada").await;
        let path = format!("/admin/users/{ada}/recovery");
        let question = hugo.get(&path).await;
        assert!(question.is(200).text.contains("Mail is off"), "{}", question.text);
        assert!(!link(&confirm(&hugo, &path, &[]).await).is_empty());
    })
    .await;
}

/// With mail, a new user with an address gets the invitation by mail and no link is shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_with_an_address_is_mailed_the_invitation() {
    on_both("console: invitation", async |backend| {
        let mailing = MailingServer::start(backend).await;
        mailing.server.create_administrator("boss").await;
        let boss = Person::new(&mailing.server, "boss");
        super::sign_in(&boss, "/login?to=console", "boss").await;
        let page = boss.get("/admin/users/new").await;
        let (csrf, form) = (field(&page.is(200).text, "csrf"), field(&page.text, "form"));
        let fields =
            [("csrf", &*csrf), ("form", &form), ("login", "zoe"), ("email", "zoe@example.org")];
        let made = boss.post("/admin/users/new", &fields).await;
        let to = boss.below_base(made.is(303).header("location"));
        assert!(to.ends_with("?done=invited"), "{to}");
        assert!(boss.get(&to).await.is(200).text.contains("invitation is on its way"));
        let mailed = mailing.newest().await;
        assert_eq!((&*mailed.to, mailed.link.len()), ("zoe@example.org", 43));
    })
    .await;
}

/// The preview shows the claims of a token for the API and the requested scopes, and reports an unknown API.
#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_the_claims_of_a_token() {
    on_both("console: preview", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let id = id_of(&root, "ada").await;
        let page = root.get(&format!("/admin/users/{id}/token")).await;
        for text in [&*id, &server.base, "signet token preview ada", "(new each time)"] {
            assert!(page.is(200).text.contains(text), "{text}: {}", page.text);
        }
        let wrong = root.get(&format!("/admin/users/{id}/token?audience=https://x.example")).await;
        assert!(wrong.status >= 400 && wrong.status < 500, "{}", wrong.status);
        assert!(wrong.text.contains("class=\"alert\""), "{}", wrong.text);
    })
    .await;
}
