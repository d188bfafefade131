//! Tests of how server, client and request are combined.

use super::*;

use AssuranceLevel::{Multi, PhishingResistant, Single};

const DATE: Timestamp = Timestamp::from_secs(1_000);

fn server(second_factor: SecondFactor, from: Option<Timestamp>) -> ServerPolicy {
    ServerPolicy { second_factor, from }
}

#[test]
fn the_role_decides_who_needs_a_second_factor() {
    for (setting, user, admin) in [
        (SecondFactor::Off, false, false),
        (SecondFactor::Optional, false, false),
        (SecondFactor::Admins, false, true),
        (SecondFactor::Required, true, true),
    ] {
        for (role, needed) in [(Role::User, user), (Role::Admin, admin)] {
            assert_eq!(server(setting, None).is_required(role, DATE), needed, "{setting}");
            let later = server(setting, Some(DATE));
            assert!(!later.is_required(role, Timestamp::from_secs(999)));
            assert_eq!(later.is_required(role, DATE), needed, "{setting}");
        }
    }
}

#[test]
fn the_strictest_of_server_client_and_request_counts() {
    let of =
        |setting, demand: Demand| server(setting, Some(DATE)).requirements(Role::User, &demand);
    let client = |level| Demand { client: Some(level), ..Demand::default() };
    let required = |from| SecondFactorPolicy::Required { from };
    assert_eq!(of(SecondFactor::Optional, Demand::default()), Requirements::BASIC);
    let asked = of(SecondFactor::Required, Demand::default());
    assert_eq!((asked.policy, asked.required), (required(DATE), Single));
    // A client does not wait for the date of the server.
    let asked = of(SecondFactor::Required, client(Multi));
    assert_eq!((asked.policy, asked.required), (required(Timestamp::default()), Multi));
    // If nothing can be enrolled, an account without a factor is refused.
    let asked = of(SecondFactor::Off, client(Multi));
    assert_eq!((asked.policy, asked.required), (SecondFactorPolicy::IfEnrolled, Multi));
    assert_eq!(of(SecondFactor::Optional, client(Single)), Requirements::BASIC);
    let wish = Demand { wished: Some(PhishingResistant), ..client(Multi) };
    let asked = of(SecondFactor::Optional, wish);
    assert_eq!((asked.wished, asked.required), (PhishingResistant, Multi));
}
