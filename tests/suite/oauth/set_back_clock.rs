//! A clock that is set back does not extend lifetimes: a code valid for a minute is not valid for an hour and a
//! minute.

use serde_json::json;
use signet::base::TimeSpan;
use signet::domain::request_info::RequestInfo;
use signet::identity::setup;

use crate::support::relying_party::{App, Person, error_of, field};
use crate::support::server::PASSWORD;
use crate::support::{Server, on_both};

use super::DEVICE;

/// Steps back, and whether credentials that were issued before stay valid: clocks of processes differ by seconds.
const STEPS: [(i64, bool); 3] = [(0, true), (5, true), (3_600, false)];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_issued_lasts_longer_after_the_clock_was_set_back() {
    on_both("set-back clock", async |backend| {
        for (step, good) in STEPS {
            let server = Server::start(backend).await;
            // Later than every key and user, so that these are not in the future afterwards.
            let root = server.administrator("root").await;
            server.register("ada").await;
            let spa = json!({"type": "spa", "skip_consent": true});
            let app = App::register(&server, &root, spa).await;
            let grants = json!({"type": "native", "grant_types": [DEVICE, "authorization_code"]});
            let device = App::register(&server, &root, grants).await;
            server.advance(TimeSpan::from_mins(120));
            let ada = Person::new(&server, "ada");
            let page = ada.get(&app.url(&[])).await;
            let code = app.code(&ada, &[]).await;
            let fields = app.request(&[("client_id", "")]);
            let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
            let pushed = app.call(&server, "/oauth2/par", &fields).await;
            let pushed = pushed.is(201).string("request_uri");
            let waiting = device.call(&server, "/oauth2/device_authorization", &[]).await;
            let (device_code, user_code) =
                (waiting.is(200).string("device_code"), waiting.string("user_code"));
            server.jump(TimeSpan::ZERO - TimeSpan::from_secs(step));
            let what = format!("{backend:?}, back by {step} s");

            let poll = [("grant_type", DEVICE), ("device_code", &*device_code)];
            let polled = error_of(&device.call(&server, "/oauth2/token", &poll).await, 400);
            let expected = if good { "authorization_pending" } else { "expired_token" };
            assert_eq!(polled, expected, "{what}");
            let form = field(&ada.get("/device").await.text, "flow");
            let typed = ada.post("/device", &[("flow", &form), ("user_code", &user_code)]).await;
            assert_eq!(typed.status == 200, good, "{what}: {}", typed.text);
            let name = [("client_id", &*app.id), ("request_uri", &*pushed)];
            let url = format!("/oauth2/authorize?{}", crate::support::relying_party::form(name));
            let answer = ada.get(&url).await;
            assert_eq!(answer.status != 400, good, "{what}: {}", answer.text);
            let stale = ada.log_in(&page, PASSWORD).await;
            assert_eq!(stale.status == 303, good, "{what}: {}", stale.text);
            let redeemed = app.redeem(&server, &code).await;
            assert_eq!(redeemed.status == 200, good, "{what}: {}", redeemed.text);
        }
        for (step, good) in STEPS {
            let server = Server::start(backend).await;
            server.advance(TimeSpan::from_mins(120));
            let (app, now) = (server.app.clone(), server.now());
            let work = async move { setup::make_link(&app, &RequestInfo::cli(now)).await };
            let link = server.app.run_to_completion(work).await;
            let link = link.unwrap_or_else(|stop| panic!("{stop:?}"));
            let link = format!("/setup/{}", link.expose().rsplit('/').next().unwrap());
            server.get(&link).await.is(200);
            server.jump(TimeSpan::ZERO - TimeSpan::from_secs(step));
            let answer = server.get(&link).await;
            assert_eq!(answer.status == 200, good, "{backend:?}, back by {step} s");
        }
    })
    .await;
}
