    async fn create_record(&self, name: String, tags: Vec<String>) -> RpcResult<Record> {
        Ok(Record { id: 1, name, tags, parent: None, weight: 1.0 })
    }

    async fn get_record(&self, id: u64) -> RpcResult<Option<Record>> {
        Ok(Some(Record { id, name: String::from("record"), tags: Vec::new(), parent: None, weight: 1.0 }))
    }

    async fn list_record(&self, _offset: u32, limit: u32) -> RpcResult<Vec<Record>> {
        Ok(Vec::with_capacity(limit.min(100) as usize))
    }

    async fn replace_record(&self, id: u64, record: Record) -> RpcResult<Record> {
        Ok(Record { id, ..record })
    }

    async fn rename_record(&self, id: u64, name: String) -> RpcResult<bool> {
        Ok(id > 0 && !name.is_empty())
    }

    async fn move_record(&self, _id: u64, _parent: Option<u64>, _weight: f64) -> RpcResult<()> {
        Ok(())
    }

    async fn find_record(&self, text: String, tags: Vec<String>, deep: bool, limit: Option<u32>) -> RpcResult<Vec<u64>> {
        Ok(vec![text.len() as u64, tags.len() as u64, deep.into(), limit.unwrap_or_default().into()])
    }

    async fn count_record(&self) -> RpcResult<u64> {
        Ok(1)
    }

    async fn total_record(&self) -> RpcResult<RecordTotals> {
        Ok(RecordTotals::default())
    }

    async fn export_record(&self, id: u64) -> RpcResult<String> {
        Ok(id.to_string())
    }

