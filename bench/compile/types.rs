#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    pub id: u64,
    pub name: String,
    pub tags: Vec<String>,
    pub parent: Option<u64>,
    pub weight: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RecordTotals {
    pub count: u64,
    pub by_tag: BTreeMap<String, u32>,
}

