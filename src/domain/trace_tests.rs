//! Tests of the `traceparent` header.

use proptest::prelude::*;

use super::*;

const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn own() -> Trace {
    Trace::begun([7; 24])
}

#[test]
fn a_header_is_continued_with_a_span_of_its_own() {
    let trace = own().continued(GOOD).unwrap();
    assert_eq!(trace.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(trace.parent_id().unwrap().to_string(), "00f067aa0ba902b7");
    assert_eq!(trace.span_id(), own().span_id());
    let passed = "00-4bf92f3577b34da6a3ce929d0e0e4736-0707070707070707-01";
    assert_eq!(trace.header(), passed);
    let unsampled = own().continued(&GOOD.replace("-01", "-02")).unwrap();
    assert!(unsampled.header().ends_with("-00"));
}

#[test]
fn invalid_headers_are_not_continued() {
    let zero_trace = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
    let zero_span = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", "0".repeat(16));
    for bad in [
        "",
        "00",
        &GOOD[..54],
        &format!("{GOOD}-00"),
        &format!("{GOOD} "),
        &GOOD.to_uppercase(),
        &GOOD.replace("00-4b", "ff-4b"),
        &GOOD.replace("00-4b", "0x-4b"),
        &GOOD.replace('-', "_"),
        &GOOD.replace("-01", "-0g"),
        &zero_trace,
        &zero_span,
    ] {
        assert_eq!(own().continued(bad), None, "{bad}");
    }
    for later in [GOOD.replace("00-4b", "cc-4b"), GOOD.replace("00-4b", "cc-4b") + "-more"] {
        assert!(own().continued(&later).is_some(), "{later}");
    }
    assert_eq!(own().continued(&(GOOD.replace("00-4b", "cc-4b") + ".more")), None);
}

#[test]
fn ids_are_never_zero() {
    let trace = Trace::begun([0; 24]);
    assert!(trace.header().starts_with(&format!("00-{}1-{}1", "0".repeat(31), "0".repeat(15))));
}

proptest! {
    #[test]
    fn no_header_makes_it_panic(header in any::<String>()) {
        let _ = own().continued(&header);
    }

    #[test]
    fn a_forwarded_trace_is_continued(random in any::<[u8; 24]>()) {
        let trace = Trace::begun(random);
        let next = own().continued(&trace.header()).unwrap();
        prop_assert_eq!(next.trace_id(), trace.trace_id());
        prop_assert_eq!(next.parent_id(), Some(trace.span_id()));
    }
}

/// The id decides whether a trace is sampled; with a probability of 1 every trace is.
#[test]
fn a_share_of_all_traces_is_recorded() {
    let ids = (0_u8..=255).map(|byte| Trace::begun([byte; 24]));
    let recorded = |share| ids.clone().filter(|trace| trace.sampled_at(share).is_sampled()).count();
    assert_eq!(recorded(0.0), 0);
    assert_eq!(recorded(1.0), 256);
    assert_eq!(recorded(0.25), recorded(0.25));
    let half = recorded(0.5);
    assert!((100..=156).contains(&half), "{half}");
    let header = own().sampled_at(1.0).header();
    assert!(header.ends_with("-01"), "{header}");
    assert!(!own().sampled_at(1.0).continued(&GOOD.replace("-01", "-00")).unwrap().is_sampled());
}
