//! Judges a report of the suite: the suite's own verdict on each case, and the close code, which the suite
//! ignores.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use serde::{Deserialize, de::DeserializeOwned};

/// The expected close code of each case; `None` if there should be no close frame.
pub(super) type Codes = BTreeMap<CaseId, Option<u16>>;

/// The sections, named as in the suite's manual.
const SECTIONS: &[(u32, &str)] = &[
    (1, "framing"),
    (2, "pings and pongs"),
    (3, "reserved bits"),
    (4, "opcodes"),
    (5, "fragmentation"),
    (6, "UTF-8"),
    (7, "close"),
    (9, "limits and speed"),
    (10, "auto-fragmentation"),
    (12, "compression"),
    (13, "compression, with parameters"),
];

/// Invalid UTF-8 should be detected before its frame is complete. tungstenite detects it at the end of the
/// frame.
const MAY_BE_LATE: &[[u32; 3]] = &[[6, 4, 3], [6, 4, 4]];

/// Extensions are not supported (permessage-deflate, RFC 7692).
const NOT_IMPLEMENTED: &[u32] = &[12, 13];

/// The number of a case, such as `6.4.3`, which compares by number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct CaseId(Vec<u32>);

impl CaseId {
    fn section(&self) -> u32 {
        self.0.first().copied().unwrap_or_default()
    }
}

impl TryFrom<String> for CaseId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let numbers: Result<_, _> = text.split('.').map(str::parse).collect();
        numbers.map(Self).map_err(|_| format!("`{text}` is no number of a case"))
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

/// The suite's report on a case.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    behavior: String,
    behavior_close: String,
    remote_close_code: Option<u16>,
}

impl Case {
    /// The fault of the case, if it has one.
    fn fault(&self, id: &CaseId, code: Option<u16>) -> Option<String> {
        let accepted = match self.behavior.as_str() {
            "OK" | "INFORMATIONAL" => true,
            "NON-STRICT" => MAY_BE_LATE.iter().any(|late| id.0 == late),
            "UNIMPLEMENTED" => NOT_IMPLEMENTED.contains(&id.section()),
            _ => false,
        };
        if !accepted {
            return Some(self.behavior.clone());
        }
        if !matches!(self.behavior_close.as_str(), "OK" | "INFORMATIONAL") {
            return Some(format!("its close was {}", self.behavior_close));
        }
        let text = |code: Option<u16>| code.map_or("no close code".to_owned(), |code| code.to_string());
        let (got, expected) = (text(self.remote_close_code), text(code));
        (got != expected).then(|| format!("it ended with {got}, not with {expected}"))
    }
}

/// A report on birpc.
#[derive(Debug)]
pub(super) struct Report(BTreeMap<CaseId, Case>);

impl Report {
    /// Reads the suite's `index.json`.
    pub(super) fn read(file: &Path, agent: &str) -> Result<Self, String> {
        let mut agents: BTreeMap<String, BTreeMap<CaseId, Case>> = read(file)?;
        let cases = agents.remove(agent).ok_or_else(|| format!("{} has no {agent}", file.display()))?;
        Ok(Self(cases))
    }

    /// Compares the report with the expectations. A missing case counts as failed.
    pub(super) fn judge(&self, codes: &Codes) -> Vec<Section> {
        let mut sections: BTreeMap<u32, Section> = BTreeMap::new();
        let section = |id: &CaseId| Section::new(id.section());
        for (id, case) in &self.0 {
            let section = sections.entry(id.section()).or_insert_with(|| section(id));
            *section.results.entry(case.behavior.clone()).or_default() += 1;
            let fault = match codes.get(id) {
                Some(code) => case.fault(id, *code),
                None => Some("its close code is not known".to_owned()),
            };
            section.faults.extend(fault.map(|fault| format!("{id}: {fault}")));
        }
        for id in codes.keys().filter(|id| !self.0.contains_key(id)) {
            let section = sections.entry(id.section()).or_insert_with(|| section(id));
            section.faults.push(format!("{id}: it was not run"));
        }
        sections.into_values().collect()
    }
}

/// The results of the cases of a section.
#[derive(Debug)]
pub(super) struct Section {
    number: u32,
    /// The number of cases for each result.
    results: BTreeMap<String, usize>,
    faults: Vec<String>,
}

impl Section {
    fn new(number: u32) -> Self {
        Self { number, results: BTreeMap::new(), faults: Vec::new() }
    }

    /// The number of failed cases, and each of them in a line of its own.
    pub(super) fn failures(&self) -> Option<String> {
        let faults = &self.faults;
        (!faults.is_empty()).then(|| format!("{} at fault\n  {}", faults.len(), faults.join("\n  ")))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = SECTIONS.iter().find(|(number, _)| *number == self.number).map_or("?", |(_, name)| name);
        let results: Vec<_> =
            self.results.iter().map(|(result, cases)| format!("{cases} {result}")).collect();
        write!(f, "{} ({name}): {}", self.number, results.join(", "))
    }
}

/// Reads `close-codes.json`.
pub(super) fn read_codes(file: &Path) -> Result<Codes, String> {
    read(file)
}

fn read<T: DeserializeOwned>(file: &Path) -> Result<T, String> {
    let text = fs::read_to_string(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{} is not what it should be: {e}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> CaseId {
        CaseId::try_from(text.to_owned()).expect("a number")
    }

    fn case(behavior: &str, close: &str, code: u16) -> Case {
        Case { behavior: behavior.into(), behavior_close: close.into(), remote_close_code: Some(code) }
    }

    #[test]
    fn a_verdict_counts_only_where_it_is_allowed() {
        let faulty = |number: &str, behavior: &str| case(behavior, "OK", 1000).fault(&id(number), Some(1000));
        for (number, behavior) in [
            ("1.1.1", "OK"),
            ("7.1.6", "INFORMATIONAL"),
            ("6.4.3", "NON-STRICT"),
            ("12.1.1", "UNIMPLEMENTED"),
        ] {
            assert_eq!(faulty(number, behavior), None, "{number}");
        }
        for (number, behavior) in
            [("1.1.1", "FAILED"), ("6.4.2", "NON-STRICT"), ("9.1.1", "UNIMPLEMENTED"), ("12.1.1", "FAILED")]
        {
            assert_eq!(faulty(number, behavior).as_deref(), Some(behavior), "{number}");
        }
    }

    #[test]
    fn how_a_case_closed_counts() {
        assert!(case("OK", "WRONG CODE", 1002).fault(&id("3.1"), Some(1002)).is_some());
        assert!(case("OK", "OK", 1000).fault(&id("3.1"), Some(1002)).is_some());
        assert!(case("OK", "OK", 1000).fault(&id("7.3.1"), None).is_some());
        assert_eq!(case("OK", "OK", 1002).fault(&id("3.1"), Some(1002)), None);
    }

    #[test]
    fn a_case_that_was_not_run_fails_its_section() {
        let report = Report(BTreeMap::from([(id("2.1"), case("OK", "OK", 1000))]));
        let codes = ["2.1", "2.10", "10.1.1"].map(|number| (id(number), Some(1000)));
        let sections = report.judge(&BTreeMap::from(codes));
        let told: Vec<_> = sections.iter().map(|section| (section.to_string(), section.failures())).collect();
        let missing = |number: &str| Some(format!("1 at fault\n  {number}: it was not run"));
        assert_eq!(told[0], ("2 (pings and pongs): 1 OK".into(), missing("2.10")));
        assert_eq!(told[1], ("10 (auto-fragmentation): ".into(), missing("10.1.1")));
    }

    #[test]
    fn a_report_is_read_as_the_suite_writes_it() {
        let text = r#"{"1.1.1": {"behavior": "OK", "behaviorClose": "OK", "duration": 2,
            "remoteCloseCode": null, "reportfile": "x.json"}}"#;
        let cases: BTreeMap<CaseId, Case> = serde_json::from_str(text).expect("a report");
        assert_eq!(cases[&id("1.1.1")].remote_close_code, None);
    }
}
