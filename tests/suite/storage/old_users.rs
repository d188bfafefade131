//! Users in rows of a schema that had no e-mail addresses.

use serde_json::json;
use signet::execute;
use signet::store::{mails, migrate};

use crate::support::mailed;
use crate::support::server::PASSWORD;
use crate::support::smtp_sink::Sink;
use crate::support::{Server, on_both};

/// Undoes the step that added addresses, with everything that it wrote.
async fn without_addresses(server: &Server) {
    let mut tx = server.app.db.begin().await.unwrap();
    execute!(&mut tx, "DROP TABLE email_owners").unwrap();
    execute!(&mut tx, "DROP INDEX users_email").unwrap();
    execute!(&mut tx, "ALTER TABLE users DROP COLUMN email").unwrap();
    execute!(&mut tx, "ALTER TABLE users DROP COLUMN email_key").unwrap();
    execute!(&mut tx, "ALTER TABLE users DROP COLUMN email_verified_at").unwrap();
    execute!(&mut tx, "DELETE FROM _sqlx_migrations WHERE version = 18").unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_looks_like_an_address_becomes_an_unverified_one() {
    on_both("logins of an older schema", async |backend| {
        let sink = Sink::start().await;
        let server = mailed::options(backend, &sink).start().await;
        let root = server.administrator("root").await;
        let logins = [
            ("Ada@B.org", json!("Ada@B.org")),
            ("Eve\u{ff20}b.org", json!("eve@b.org")),
            ("\u{e9}ve@b\u{fc}cher.example", json!("\u{e9}ve@b\u{fc}cher.example")),
            ("plain", json!(null)),
        ];
        let mut ids = Vec::new();
        for (login, _) in &logins {
            ids.push(server.register(login).await);
        }
        without_addresses(&server).await;
        migrate::up(&server.app.db).await.unwrap();
        for (login, _) in &logins {
            server.try_login(login, PASSWORD).await.is(200);
        }
        let mut reader = server.app.db.reader().await.unwrap();
        assert_eq!(mails::waiting(&mut reader, 10).await.unwrap(), 0);
        drop(reader);
        assert_eq!((sink.connections(), sink.received().len()), (0, 0));
        for (id, (login, address)) in ids.iter().zip(&logins) {
            let path = format!("/v1/admin/users/{id}");
            let user = server.get_as(&path, &root.access).await.is(200).json();
            assert_eq!(
                (&user["email"], &user["email_verified"]),
                (address, &json!(false)),
                "{login}"
            );
            server.try_login(login, PASSWORD).await.is(200);
            // The response can be sent back, and the address verified if mail can be sent to it.
            let patch = async |body| {
                server.call_as(reqwest::Method::PATCH, &path, &root.access, body).await
            };
            patch(user.clone()).await.is(200);
            let verified = patch(json!({"email_verified": true})).await;
            let expected =
                if matches!(*login, "Ada@B.org" | "Eve\u{ff20}b.org") { 200 } else { 422 };
            assert_eq!(verified.status, expected, "{login}: {}", verified.text);
            server.try_login(login, PASSWORD).await.is(200);
        }
        let mut link = server.app.db.reader().await.unwrap();
        let rows = signet::fetch_all!(
            &mut link,
            (String,),
            "SELECT email_key FROM email_owners ORDER BY email_key"
        );
        assert_eq!(rows.unwrap(), [("ada@b.org".to_owned(),), ("eve@b.org".to_owned(),)]);
    })
    .await;
}
