//! Each diagnostic of the macros, named after the user's mistake.

#[test]
fn mistakes_are_told_where_they_are() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    let of_schema = if cfg!(feature = "schema") { "with_schema" } else { "without_schema" };
    cases.compile_fail(format!("tests/ui/{of_schema}/*.rs"));
    if cfg!(not(feature = "dyn")) {
        cases.compile_fail("tests/ui/without_dyn/*.rs");
    }
}
