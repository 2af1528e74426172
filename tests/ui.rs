//! Each diagnostic of the macros, named after the user's mistake (pitfall 27).

#[test]
fn mistakes_are_told_where_they_are() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
