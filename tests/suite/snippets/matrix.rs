//! Every snippet that runs here against every hostile request, with both algorithms in one process.

use serde_json::json;

use super::is_chosen;
use super::printed::Edition;
use super::subjects;
use crate::hostile::forge::{ENDED_SESSION, Forge};
use crate::hostile::issuer::{StandIn, now};
use crate::hostile::runner::{ALGS, AUDIENCE, attack};
use crate::hostile::subjects::Subject;

async fn matrix(subject: &Subject) {
    if !is_chosen(subject.name) {
        return;
    }
    let issuer = StandIn::start().await;
    issuer.feed(|feed| {
        feed.sid.insert(ENDED_SESSION.to_owned(), now() + 600);
    });
    let Some(running) = Edition::of(subject.name, &issuer.base).start().await else { return };
    for alg in ALGS {
        let forge = Forge::new(&issuer, AUDIENCE, alg).await;
        attack(subject, &running.base, &forge).await;

        // The content of challenges beyond the list: the metadata, and the required scope.
        let metadata = format!(
            "resource_metadata=\"{}/v1/resource-metadata?audience=https%3A%2F%2Fapi.example.com\"",
            issuer.base
        );
        let (status, challenge, _) = running.ask(None).await;
        assert_eq!((status, challenge), (401, format!("Bearer {metadata}")));
        let expected =
            format!("Bearer error=\"insufficient_scope\", scope=\"orders:read\", {metadata}");
        for scope in [json!("orders:write"), json!("orders:readonly orders"), json!(null)] {
            let narrow = forge.with(|_, claims| match scope.is_null() {
                true => drop(claims.as_object_mut().unwrap().remove("scope")),
                false => claims["scope"] = scope.clone(),
            });
            let (status, challenge, _) = running.ask(Some(&narrow)).await;
            assert_eq!((status, challenge), (403, expected.clone()), "{scope}");
        }
        let wide = forge.with(|_, claims| claims["scope"] = json!("profile orders:read"));
        assert_eq!(running.status(&wide).await, 200);
    }
    // The resource server names its API when it fetches the keys, and fetches nothing else.
    let keys = "/.well-known/jwks.json?rs=https%3A%2F%2Fapi.example.com";
    let feed = "/.well-known/revocations";
    let targets = issuer.targets();
    assert!(targets.iter().any(|target| target == keys), "{targets:?}");
    assert!(targets.iter().all(|target| target == keys || target == feed), "{targets:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn node_takes_the_matrix() {
    matrix(&subjects::NODE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_with_the_feed_takes_the_matrix() {
    matrix(&subjects::NODE_REVOCATIONS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn express_takes_the_matrix() {
    matrix(&subjects::EXPRESS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn express_oauth2_jwt_bearer_takes_the_matrix() {
    matrix(&subjects::EXPRESS_OAUTH2_JWT_BEARER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fastify_takes_the_matrix() {
    matrix(&subjects::FASTIFY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hono_takes_the_matrix() {
    matrix(&subjects::HONO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jsonwebtoken_takes_the_matrix() {
    matrix(&subjects::JSONWEBTOKEN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_takes_the_matrix() {
    matrix(&subjects::PYTHON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_with_the_feed_takes_the_matrix() {
    matrix(&subjects::PYTHON_REVOCATIONS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fastapi_takes_the_matrix() {
    matrix(&subjects::FASTAPI).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flask_takes_the_matrix() {
    matrix(&subjects::FLASK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn django_takes_the_matrix() {
    matrix(&subjects::DJANGO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fastmcp_takes_the_matrix() {
    matrix(&subjects::FASTMCP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn go_takes_the_matrix() {
    matrix(&subjects::GO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ruby_takes_the_matrix() {
    matrix(&subjects::RUBY).await;
}
