//! Actions on several users: one confirmation, and a separate result for each user.

use signet::base::TimeSpan;
use signet::domain::user::Role;

use super::rights::with_role;
use super::users::{counting, lock};
use super::{administrator, confirm, id_of, started};
use crate::support::on_both;
use crate::support::relying_party::{Person, Site, field};
use crate::support::server::{Answer, PASSWORD};

/// Ticks users in the list and presses a button. Returns the address of the confirmation page.
pub(super) async fn tick<S: Site>(person: &Person<'_, S>, action: &str, ids: &[&str]) -> Answer {
    let csrf = field(&person.get("/admin/users").await.is(200).text, "csrf");
    let names: Vec<String> = ids.iter().map(|id| format!("user.{id}")).collect();
    let mut fields = vec![("csrf", &*csrf), ("action", action)];
    fields.extend(names.iter().map(|name| (&**name, "on")));
    person.post("/admin/users/select", &fields).await
}

/// Confirms the action on the ticked users.
async fn confirm_bulk(person: &Person<'_>, to: &str) -> Answer {
    let page = person.get(to).await;
    let text = &page.is(200).text;
    let names = ["csrf", "form", "action", "users"];
    let fields: Vec<(&str, String)> = names.iter().map(|name| (*name, field(text, name))).collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
    person.post("/admin/users/selected", &fields).await
}

/// Ticked users are disabled, unlocked and signed out after one confirmation that names them, and a form that is sent
/// twice has its effect once. A refused row has its reason and does not stop the others.
#[tokio::test(flavor = "multi_thread")]
async fn ticked_users_are_changed_after_one_question() {
    on_both("console: bulk", async |backend| {
        let server = counting(backend).await;
        let root = administrator(&server).await;
        for number in 0..12 {
            server.register(&format!("user{number:02}")).await;
        }
        let mut ids = vec![id_of(&root, "ada").await];
        for number in 0..12 {
            ids.push(id_of(&root, &format!("user{number:02}")).await);
        }
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let to = tick(&root, "disable", &ids).await;
        let to = root.below_base(to.is(303).header("location"));
        let question = root.get(&to).await;
        for wanted in [
            "Disable users",
            "Users, 13",
            "<li>ada</li>",
            "and 3 more",
            "cannot sign in",
            "| signet user disable --from -",
        ] {
            assert!(question.is(200).text.contains(wanted), "{wanted}: {}", question.text);
        }
        server.try_login("ada", PASSWORD).await.is(200);
        let text = &question.text;
        let fields = ["csrf", "form", "action", "users"].map(|name| (name, field(text, name)));
        let fields = fields.each_ref().map(|(name, value)| (*name, &**value));
        let (one, two) = tokio::join!(
            root.post("/admin/users/selected", &fields),
            root.post("/admin/users/selected", &fields)
        );
        for answer in [&one, &two] {
            assert!(answer.is(200).text.contains("Done: 13; refused: 0"), "{}", answer.text);
        }
        server.try_login("ada", PASSWORD).await.is(401);
        let admin = server.administrator("second").await;
        assert_eq!(server.events(&admin, "user.disabled").await.len(), 13);

        let path = format!("/admin/users/{}/enable", ids[0]);
        confirm(&root, &path, &[]).await.is(303);
        lock(&server, "ada").await;
        let to = tick(&root, "unlock", &ids[..2]).await;
        let to = root.below_base(to.is(303).header("location"));
        confirm_bulk(&root, &to).await.is(200);
        let tokens = server.login("ada").await;
        let to = tick(&root, "end-sessions", &ids[..1]).await;
        let to = root.below_base(to.is(303).header("location"));
        confirm_bulk(&root, &to).await.is(200);
        server.refresh(&tokens.refresh).await.is(401);

        // One administrator remains: the last one is refused, with the reason.
        let (second, own) = (id_of(&root, "second").await, id_of(&root, "root").await);
        let to = tick(&root, "disable", &[&own, &second, ids[0]]).await;
        let to = root.below_base(to.is(303).header("location"));
        let question = root.get(&to).await;
        assert!(question.is(200).text.contains("Your own account is among them"));
        let done = confirm_bulk(&root, &to).await;
        assert!(done.is(200).text.contains("Done: 2; refused: 1"), "{}", done.text);
        assert!(done.text.contains("last administrator"), "{}", done.text);
        root.get("/admin").await.is(200);
    })
    .await;
}

/// No tick leads back to the list, more than a hundred are refused, and so is an address without users. A
/// confirmation with an old sign-in requires a new one and continues with the same users.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_ticked_users_checks_what_it_is_given() {
    on_both("console: bulk checks", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let id = id_of(&root, "ada").await;
        let none = tick(&root, "disable", &[]).await;
        let to = root.below_base(none.is(303).header("location"));
        assert!(root.get(&to).await.is(200).text.contains("Select at least one user"));
        let made_up: Vec<String> =
            (0..101).map(|n| format!("00000000-0000-7000-8000-{n:012}")).collect();
        let made_up: Vec<&str> = made_up.iter().map(String::as_str).collect();
        let many = tick(&root, "disable", &made_up).await;
        assert!(many.is(422).text.contains("101 users are selected"), "{}", many.text);
        root.get("/admin/users/selected?action=disable&users=x").await.is(422);
        root.get("/admin/users/selected?action=eat&users=x").await.is(303);
        root.get("/admin/users/selected").await.is(303);

        let to = tick(&root, "disable", &[&[&*id][..], &made_up[..99]].concat()).await;
        let to = root.below_base(to.is(303).header("location"));
        server.advance(TimeSpan::from_mins(6));
        let stale = root.get(&to).await;
        assert!(stale.is(200).text.contains("older than 5 minutes"), "{}", stale.text);
        let (_, sign_in) = stale.text.split_once("href=\"/login?to=console").unwrap();
        let sign_in = sign_in.split_once('"').unwrap().0.replace("&#38;", "&");
        let back = super::sign_in(&root, &format!("/login?to=console{sign_in}"), "root").await;
        assert_eq!(back, to);
        let done = confirm_bulk(&root, &to).await;
        assert!(done.is(200).text.contains("Done: 1; refused: 0"), "{}", done.text);
        server.try_login("ada", PASSWORD).await.is(401);
    })
    .await;
}

/// The helpdesk unlocks several users at once, but not one with one of Signet's own roles; an auditor has no boxes.
/// Actions that a role may not take are refused by address.
#[tokio::test(flavor = "multi_thread")]
async fn roles_bound_what_is_done_to_several_users() {
    on_both("console: bulk rights", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let (ada, own) = (id_of(&root, "ada").await, id_of(&root, "root").await);
        let disable = tick(&root, "disable", &[&ada]).await;
        let disable = root.below_base(disable.is(303).header("location"));
        let hugo = with_role(&server, "hugo", Role::Helpdesk).await;
        let list = hugo.get("/admin/users").await;
        assert!(list.is(200).text.contains("value=\"unlock\""), "{}", list.text);
        assert!(!list.text.contains("value=\"disable\""), "{}", list.text);
        tick(&hugo, "disable", &[&ada]).await.is(403);
        hugo.get(&disable).await.is(403);
        let to = tick(&hugo, "unlock", &[&ada, &own]).await;
        let to = hugo.below_base(to.is(303).header("location"));
        let question = hugo.get(&to).await;
        assert!(question.is(200).text.contains("root is left out"), "{}", question.text);
        let done = confirm_bulk(&hugo, &to).await;
        assert!(done.is(200).text.contains("Done: 1; refused: 1"), "{}", done.text);

        let vera = with_role(&server, "vera", Role::Auditor).await;
        let list = vera.get("/admin/users").await;
        assert!(!list.is(200).text.contains("type=\"checkbox\""), "{}", list.text);
        assert!(!list.text.contains("/admin/users/new"), "{}", list.text);
        vera.get(&to).await.is(403);
        let csrf = field(&list.text, "csrf");
        for path in ["/admin/users/select", "/admin/users/selected"] {
            let fields = [("csrf", &*csrf), ("action", "unlock"), ("users", "x")];
            vera.post(path, &fields).await.is(403);
        }
        for person in [&vera, &hugo] {
            let refused = person.get("/admin/users/new").await;
            assert!(refused.is(403).text.contains("users.create"), "{}", refused.text);
            assert!(refused.text.contains("one of these roles: admin"), "{}", refused.text);
            person.post("/admin/users/new", &[("csrf", &csrf)]).await.is(403);
        }
        for path in [format!("/admin/users/{ada}/why"), "/admin/why?login=ada".to_owned()] {
            vera.get(&path).await.is(200);
            hugo.get(&path).await.is(200);
        }
        let preview = format!("/admin/users/{ada}/token");
        assert!(vera.get(&preview).await.is(200).text.contains(&ada));
        hugo.get(&preview).await.is(403);
    })
    .await;
}
