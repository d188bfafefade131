//! Concurrency: one owner of an address, one effect of a code.

use futures_util::future::join_all;
use serde_json::json;

use super::{ADA, NEW};
use crate::support::mailed::MailingServer;
use crate::support::on_both;

const VIC: &str = "vic@example.org";

async fn owners(place: &MailingServer) -> i64 {
    let mut link = place.server.app.db.reader().await.unwrap();
    let row = signet::fetch_optional!(&mut link, (i64,), "SELECT count(*) FROM email_owners");
    row.unwrap().unwrap().0
}

/// `claimed`: whether each of them has the address already, unverified.
async fn sixteen_prove_one_address(place: &MailingServer, claimed: bool) {
    let mut codes = Vec::new();
    for n in 0..16 {
        let email = claimed.then_some(VIC);
        let (_, tokens) = place.unverified(&format!("user{n}"), email).await;
        place.ask(&tokens, VIC).await.is(202);
        codes.push((tokens, place.newest().await));
    }
    let all = codes.iter().enumerate().map(async |(n, (tokens, mailed))| {
        // By code and by link.
        if n % 2 == 0 {
            place.confirm(tokens, &mailed.code).await
        } else {
            place.open(&mailed.link).await
        }
    });
    let all = join_all(all).await;
    let won = all.iter().filter(|answer| answer.status == 204).count();
    assert_eq!((won, owners(place).await), (1, 1), "{all:?}");
    for answer in all.iter().filter(|answer| answer.status != 204) {
        answer.is_problem(409, "email_taken");
        assert!(!answer.text.contains("vic@"), "{}", answer.text);
    }
    for ((tokens, _), answer) in codes.iter().zip(&all) {
        let email = if answer.status == 204 { json!(VIC) } else { json!(null) };
        assert_eq!(place.me(tokens).await["email"], email);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_users_who_prove_one_address_one_owns_it() {
    on_both("own address: race of users", async |backend| {
        sixteen_prove_one_address(&MailingServer::start(backend).await, false).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_users_who_prove_the_address_they_claim_one_owns_it() {
    on_both("own address: race of claims", async |backend| {
        sixteen_prove_one_address(&MailingServer::start(backend).await, true).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_confirm_one_change_one_does() {
    on_both("own address: race of one code", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let tokens = place.server.login("ada").await;
        place.ask(&tokens, NEW).await.is(202);
        let mailed = place.newest().await;
        let links = join_all((0..8).map(|_| place.open(&mailed.link)));
        let codes = join_all((0..4).map(|_| place.confirm(&tokens, &mailed.code)));
        let (links, codes) = futures_util::future::join(links, codes).await;
        let all: Vec<u16> = links.iter().chain(&codes).map(|answer| answer.status).collect();
        assert_eq!(all.iter().filter(|status| **status == 204).count(), 1, "{all:?}");
        assert!(all.iter().all(|status| [204, 404, 422].contains(status)), "{all:?}");
        // One change, so one link that undoes it.
        let undo = place.all().await.into_iter().filter(|mail| mail.to == ADA).count();
        assert_eq!(undo, 1);
        let all = join_all((0..10).map(async |_| place.open(&place.newest().await.link).await));
        let won = all.await.iter().filter(|answer| answer.status == 204).count();
        assert_eq!(won, 1);
    })
    .await;
}
