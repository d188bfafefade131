//! Parsing requests and making decisions, without a database.

use std::hint::black_box;

use criterion::Criterion;
use signet::base::id::{BranchId, SessionId, UserId};
use signet::base::{TimeSpan, Timestamp};
use signet::crypto::digest::token_hash;
use signet::crypto::jwt::{GeneratedKey, Signer, SigningKey, UnverifiedHeader};
use signet::crypto::refresh_token::RefreshKeys;
use signet::domain::claims::TokenType;
use signet::domain::liveness::{ClientState, UserState, active_session};
use signet::domain::oidc::RequestedClaims;
use signet::domain::refresh::decide;
use signet::domain::scope::Scopes;
use signet::domain::session::{Chain, Session};
use signet::domain::signing_key::SigningAlg;
use signet::oauth::params::Params;
use uuid::Uuid;

use crate::signing::claims;

const NOW: Timestamp = Timestamp::from_secs(1_784_246_400);

pub fn measure(criterion: &mut Criterion) {
    let session = session();
    let keys = RefreshKeys::new(&[(1, [7; 32])]).unwrap();
    let token = keys.mint(session.branch, 41).unwrap();
    let mut group = criterion.benchmark_group("refresh");
    group.bench_function("mint", |b| b.iter(|| keys.mint(black_box(session.branch), 41)));
    group.bench_function("authenticate", |b| b.iter(|| keys.authenticate(black_box(&token))));
    let window = TimeSpan::from_secs(30);
    for (name, presented) in [("rotate", 41), ("resend", 40), ("alarm", 3)] {
        let decision = |b: &mut criterion::Bencher<'_>| {
            let user = UserState { session_epoch: 0, disabled_at: None };
            b.iter(|| {
                let session = black_box(&session);
                let standing = active_session(session, user, ClientState::BuiltIn, NOW);
                decide(standing, presented, NOW, window)
            });
        };
        group.bench_function(format!("decide: {name}"), decision);
    }
    group.finish();

    let GeneratedKey { key, .. } = SigningKey::generate(SigningAlg::Es256).unwrap();
    let access = Signer::new(key).sign(TokenType::AtJwt, &claims()).unwrap();
    let mut group = criterion.benchmark_group("access token");
    group.bench_function("header", |b| b.iter(|| UnverifiedHeader::read(black_box(&access))));
    group.bench_function("hash", |b| b.iter(|| token_hash(black_box(&access))));
    group.finish();

    let form = format!("grant_type=refresh_token&client_id=spa&refresh_token={token}");
    let mut group = criterion.benchmark_group("request");
    group.bench_function("parameters", |b| {
        b.iter(|| Params::parse(black_box(form.as_bytes())).is_ok());
    });
    group.finish();
}

fn session() -> Session {
    let earlier = NOW - TimeSpan::from_secs(600);
    Session {
        id: SessionId::from_uuid(Uuid::from_u128(2)),
        branch: BranchId::from_uuid(Uuid::from_u128(2)),
        user_id: UserId::from_uuid(Uuid::from_u128(1)),
        client_id: "spa".to_owned(),
        audience: None,
        scopes: Scopes::parse("openid orders:read orders:write").unwrap(),
        chain: Chain { current: 41, parent: Some(40), answered_at: earlier, supersedes: 0 },
        created_at: earlier,
        idle_expires_at: NOW + TimeSpan::from_days(7),
        expires_at: NOW + TimeSpan::from_days(30),
        revoked: None,
        user_epoch: 0,
        grant_type: None,
        auth_time: earlier,
        factors: None,
        browser: None,
        asked_claims: RequestedClaims::default(),
        dpop_jkt: None,
        requested_scopes: None,
    }
}
