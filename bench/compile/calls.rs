async fn call_record(api: &Api) -> Result<(), Box<dyn Error>> {
    let record = api.create_record(String::from("record"), vec![String::from("new")]).await?;
    println!("{:?}", api.get_record(record.id).await?);
    println!("{:?}", api.list_record(0, 10).await?);
    println!("{:?}", api.replace_record(record.id, record.clone()).await?);
    println!("{}", api.rename_record(record.id, String::from("other")).await?);
    api.move_record(record.id, None, 2.0).await?;
    println!("{:?}", api.find_record(String::from("o"), Vec::new(), true, Some(3)).await?);
    println!("{}", api.count_record().await?);
    println!("{:?}", api.total_record().await?);
    println!("{}", api.export_record(record.id).await?);
    Ok(())
}

