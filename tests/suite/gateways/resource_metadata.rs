//! The metadata of an API as a protected resource (RFC 9728).

use reqwest::Method;
use serde_json::json;

use super::{API, Place};
use crate::support::on_both;

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_api_has_metadata() {
    on_both("resource metadata", async |backend| {
        let place = Place::on(backend).await;
        let path = format!("/v1/resource-metadata?audience={API}");
        let answer = place.ask(Method::GET, &path, &[("origin", "https://any.example")]).await;
        let document = answer.is(200).json();
        assert_eq!(document["resource"], API);
        assert_eq!(document["authorization_servers"], json!([place.server.base]));
        assert_eq!(document["scopes_supported"], json!(["orders:read", "orders:write"]));
        assert_eq!(document["bearer_methods_supported"], json!(["header"]));
        assert!(
            document["dpop_signing_alg_values_supported"]
                .as_array()
                .unwrap()
                .contains(&json!("ES256"))
        );
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let etag = answer.header("etag");
        place.ask(Method::GET, &path, &[("if-none-match", etag)]).await.is(304);
        place.ask(Method::OPTIONS, &path, &[]).await.is(204);
        place
            .server
            .get("/v1/resource-metadata?audience=https://other.example")
            .await
            .is_problem(404, "not_found");
        for path in ["/v1/resource-metadata", "/v1/resource-metadata?audience="] {
            let answer = place.server.get(path).await;
            assert_eq!(answer.is(422).json()["errors"][0]["field"], "audience");
        }
        place.server.get("/v1/resource-metadata?audience=a&b=c").await.is(422);
    })
    .await;
}
