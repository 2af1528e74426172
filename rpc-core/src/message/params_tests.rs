//! Params that decode, and the errors for params that do not.

use super::super::{Given, GivenWire};
use super::*;

const NAMES: &[&str] = &["a", "b"];

fn decode<P: Params>(text: &str) -> Result<P, String> {
    P::decode((!text.is_empty()).then_some(text), NAMES).map_err(|error| error.to_string())
}

#[test]
fn what_is_told_of_an_error_is_what_was_expected_but_not_the_value() {
    for (message, told) in [
        (r#"invalid type: string "secret", expected u8 at line 1 column 9"#, "expected u8"),
        (r#"invalid value: ", expected a", expected a digit"#, "expected a digit"),
        ("unknown variant `secret`, there are no variants", "there are no variants"),
        ("parameter `a`: it is odd, expected as it is", "parameter `a`: it is odd, expected as it is"),
        ("takes 2 params, got 3", "takes 2 params, got 3"),
    ] {
        assert_eq!(without_value(message), told);
    }
}

#[test]
fn by_position_and_by_name() {
    for text in ["[1,\"x\"]", "{\"a\":1,\"b\":\"x\"}", "{\"b\":\"x\",\"new\":[],\"\\u0061\":1}"] {
        assert_eq!(decode::<(i64, String)>(text), Ok((1, "x".into())), "{text}");
    }
}

#[test]
fn options_may_be_missing() {
    for text in ["[1]", "[1,null]", "{\"a\":1}", "{\"a\":1,\"b\":null}"] {
        assert_eq!(decode::<(i64, Option<i64>)>(text), Ok((1, None)), "{text}");
    }
    assert_eq!(decode::<()>(""), Ok(()));
}

#[test]
fn nulls_behind_the_last_parameter_are_nothing() {
    assert!(["[null]", "[]", "{}", "[null,null]"].into_iter().all(|text| decode::<()>(text) == Ok(())));
    assert_eq!(decode::<(i64, i64)>("[1,2,null]"), Ok((1, 2)));
    assert_eq!(decode::<()>("[null,1]"), Err("takes 0 params, got 2".into()));
}

#[test]
fn a_single_that_may_be_empty_needs_no_params() {
    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    struct Options {
        limit: Option<u32>,
        #[serde(default)]
        deep: bool,
    }
    for text in ["", "[]", "{}", "[ ]", "[null]"] {
        assert_eq!(decode::<Single<Options>>(text).map(|single| single.0), Ok(Options::default()), "{text}");
    }
    assert!(decode::<Single<Options>>("[1,2,3]").is_err());
    assert_eq!(decode::<Single<Vec<i64>>>("").map(|single| single.0), Ok(vec![]));
    assert_eq!(decode::<Single<Vec<i64>>>("[null]").map(|single| single.0), Ok(vec![]));
}

#[test]
fn errors_say_which_and_why_but_not_what_was_sent() {
    let cases = [
        ("[\"secret\",1]", "parameter `a`: expected i64"),
        ("{\"b\":1,\"a\":\"x, expected y\"}", "parameter `a`: expected i64"),
        ("[1]", "parameter `b`: it is missing"),
        ("{\"a\":1}", "parameter `b`: it is missing"),
        ("", "parameter `a`: it is missing"),
        ("[1,2,3,4]", "takes 2 params, got 4"),
        ("{\"a\":1,\"a\":1}", "parameter `a`: it occurs twice"),
    ];
    for (text, expected) in cases {
        let error = decode::<(i64, i64)>(text).expect_err(text);
        assert!(error.starts_with(expected), "{text}: {error}");
        assert!(!error.contains("secret"));
    }
}

#[test]
fn an_integer_of_128_bits_that_is_none_is_to_blame_itself() {
    const A: &str = "parameter `a`: expected an integer";
    const B: &str = "parameter `b`: expected an integer";
    let cases = [
        ("[1.5,2]", A),
        ("[1.5, 2]", A),
        ("[ 1e3 ,2]", A),
        ("[2,1.5]", B),
        ("[2,\n\n 1.5]", B),
        ("{\"a\":1.5,\"b\":2}", A),
        ("{\"b\":2.0,\"a\":1}", B),
        ("{\"a\":1,\n\"b\" : 2e0}", B),
    ];
    for (text, expected) in cases {
        assert_eq!(decode::<(u128, i128)>(text), Err(expected.into()), "{text}");
    }
    assert_eq!(decode::<(Vec<u128>, i128)>("[[1.5],2]"), Err(A.into()));
    assert_eq!(decode::<(i128, Vec<u128>)>("[1,[2,1.5]]"), Err(B.into()));
    assert_eq!(decode::<(Option<u128>, Option<i128>)>("[1.5,null]"), Err(A.into()));
    assert_eq!(decode::<(u8, i128)>("[1.5,2]"), Err("parameter `a`: expected u8".into()));
    let out_of_range = decode::<(u128, i128)>("[-1,2]").expect_err("it is negative");
    assert!(out_of_range.starts_with("parameter `a`: "), "{out_of_range}");
    let single = decode::<Single<u128>>("1.5").map(|single| single.0);
    assert_eq!(single, Err("expected an integer".into()));
}

#[test]
fn single_is_the_whole_of_params() {
    assert_eq!(decode::<Single<Vec<i64>>>("[1,2]").map(|single| single.0), Ok(vec![1, 2]));
    assert_eq!(decode::<Single<Option<i64>>>("").map(|single| single.0), Ok(None));
    assert!(["", "[]", "{}"].into_iter().all(|text| decode::<Single<()>>(text).is_ok()));
    assert_eq!(decode::<Single<Vec<i64>>>("[]").map(|single| single.0), Ok(vec![]));
    assert_eq!(decode::<Single<i64>>("").map(|single| single.0), Err("`params` is missing".into()));
}

#[test]
fn what_has_a_default_may_be_missing_and_not_null() {
    let decoded = |text| decode::<(i64, GivenWire<i64>)>(text).map(|(a, b)| (a, Given(b.0).or(|| 7)));
    for (text, b) in [("[1]", 7), ("[1,2]", 2), ("{\"a\":1}", 7), ("{\"b\":2,\"a\":1}", 2)] {
        assert_eq!(decoded(text), Ok((1, b)), "{text}");
    }
    assert!(decoded("[1,null]").is_err_and(|error| error.starts_with("parameter `b`: expected i64")));
    assert_eq!(decode::<(GivenWire<Option<i64>>,)>("[null]").map(|(a,)| Given(a.0).or(|| Some(7))), Ok(None));
    assert_eq!(decode::<Single<GivenWire<i64>>>("").map(|single| Given(single.0.0).or(|| 7)), Ok(7));
}
